package modeltest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/echo-pull/pull/internal/event"
)

// A Mix is how many users and tags there are, and how many events are for all
// pages: one of Everyone targets. Defaults: 12, 5 and 10.
type Mix struct{ Users, Tags, Everyone int }

func (m Mix) withDefaults() Mix {
	return Mix{cmp.Or(m.Users, 12), cmp.Or(m.Tags, 5), cmp.Or(m.Everyone, 10)}
}

// A source draws events at random.
type source struct {
	chance *rand.Rand
	number uint64 // of the next event
	events int    // how many a request asks for
	mix    Mix
}

// A draw is an event, and to whom it is.
type draw struct {
	target event.Target
	params params
}

func (d *draw) event(command string) event.Event {
	e := event.Event{Module: "tasks", Command: command, Params: d.params, Secret: d.params.Number%7 == 0}
	if e.Key = d.params.Key; e.Key != "" {
		e.Keep = event.Last
	}
	for _, user := range d.params.Own {
		if e.PerUser == nil {
			e.PerUser = make(map[string]any)
		}
		e.PerUser[user] = map[string]string{"mine": mineOf(user, d.params.Number)}
	}
	if extra := extraOf(d.params.Number); extra > 0 {
		e.Extra = map[string]any{"n": extra}
	}
	return e
}

// mineOf returns what a user alone gets of an event.
func mineOf(user string, number uint64) string {
	return "mine-" + user + "-" + strconv.FormatUint(number, 10)
}

// extraOf returns what stands in the extra of an event, or 0 if it has none of its own.
func extraOf(number uint64) uint64 {
	if number%5 > 0 {
		return 0
	}
	return number
}

// params are those of an event. They say to whom it is.
type params struct {
	Number uint64   `json:"n"`
	To     []term   `json:"to"`
	Sender string   `json:"sender,omitempty"`
	Key    string   `json:"k,omitempty"` // of a series, of which pages that are away need only the last
	Pad    string   `json:"pad,omitempty"`
	Own    []string `json:"own,omitempty"` // users who get something else as Mine
	Mine   string   `json:"mine"`
}

// isForNobody reports whether no page can get the event, so that the log does
// not hold it.
func (p *params) isForNobody() bool {
	return !slices.ContainsFunc(p.To, func(t term) bool { return t.Shared || len(t.Users) > 0 || len(t.Tags) > 0 })
}

// A term is a part of a target.
type term struct {
	Shared bool     `json:"s,omitempty"`
	Users  []string `json:"u,omitempty"`
	Tags   []string `json:"t,omitempty"`
	Except []string `json:"x,omitempty"`
}

func (t *term) target() event.Target {
	one := event.User(t.Users...).Or(event.Tag(t.Tags...))
	if t.Shared {
		one = event.Shared()
	}
	return one.Except(t.Except...)
}

func (s *source) next() draw {
	r := s.chance
	d := draw{params: params{Number: s.number, Pad: strings.Repeat("p", r.IntN(100))}}
	s.number++
	if r.IntN(50) == 0 {
		d.params.Pad = strings.Repeat("P", r.IntN(20<<10))
	}
	if r.IntN(4) == 0 {
		d.params.Own = s.users(1 + r.IntN(5))
	}
	to := s
	if r.IntN(4) == 0 {
		to = s.series(&d.params)
	}
	for i := range 1 + to.chance.IntN(3)/2 {
		t := to.term()
		if i == 0 {
			d.target = t.target()
		} else {
			d.target = d.target.Or(t.target())
		}
		d.params.To = append(d.params.To, t)
	}
	return d
}

// series makes an event part of a series, and returns the source of the target, which
// is the same for all of a series.
func (s *source) series(p *params) *source {
	n := s.chance.IntN(8)
	p.Key = "K" + strconv.Itoa(n)
	return &source{chance: rand.New(rand.NewPCG(uint64(n), 1)), mix: s.mix}
}

func (s *source) term() (t term) {
	t.Users = s.users(s.chance.IntN(3))
	switch kind := s.chance.IntN(10); {
	case s.chance.IntN(s.mix.Everyone) == 0:
		t.Shared, t.Users = true, nil
	case kind < 5:
		t.Tags = []string{s.mix.tag(s.chance), s.mix.tag(s.chance)}
	}
	if s.chance.IntN(4) == 0 {
		t.Except = s.users(2)
	}
	return t
}

func (s *source) users(n int) (list []string) {
	for range n {
		list = append(list, s.mix.user(s.chance))
	}
	return list
}

func (m Mix) user(r *rand.Rand) string { return strconv.Itoa(r.IntN(m.Users)) }

func (m Mix) tag(r *rand.Rand) string { return "T" + strconv.Itoa(r.IntN(m.Tags)) }
