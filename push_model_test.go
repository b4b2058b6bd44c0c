package pull_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// A pushWorld is some nodes and users who come, look, hide and go, while
// notifications are sent and nodes start and stop, at random.
type pushWorld struct {
	t        *testing.T
	rand     *rand.Rand
	log      *pull.Memory
	notified *postman
	nodes    []*app
	pages    []*modelPage
	sent     []modelPush
	history  []string
}

// A modelPage is a page and when its user has looked at it.
type modelPage struct {
	*page
	user    string
	node    *app
	looks   []time.Time // since when …
	hides   []time.Time // … and until when
	looking bool
}

type modelPush struct {
	user, title string
	at          time.Time
}

// modelUsers returns all users, who all have devices.
func modelUsers() []string { return []string{"0", "1", "2", "3"} }

func (w *pushWorld) start() {
	w.nodes = append(w.nodes, newApp(w.t, func(c *pull.Config) {
		c.Broker, c.Pusher, c.Tick = w.log, aware{w.notified, modelUsers()}, 10*time.Second
	}))
	synctest.Wait()
}

func (w *pushWorld) step() {
	users := modelUsers()
	user, node := users[w.rand.IntN(len(users))], w.rand.IntN(len(w.nodes))
	switch n := w.rand.IntN(20); {
	case n < 6:
		w.send(node, pull.User(user), user)
	case n < 8:
		w.send(node, pull.Shared().Except(user), slices.DeleteFunc(users, func(u string) bool { return u == user })...)
	case n < 11:
		p := &modelPage{page: w.nodes[node].dial(w.t, user, ""), user: user, node: w.nodes[node]}
		live(p.page)
		w.pages = append(w.pages, p)
		w.note("page of %s at node %d", user, node)
	case n < 14:
		w.eachPage(func(p *modelPage) { w.look(p) })
	case n < 16:
		w.eachPage(func(p *modelPage) { w.hide(p, true) })
	case n < 17:
		w.eachPage(func(p *modelPage) { w.hide(p, false); quit(p.page); w.forget(p) })
	case n == 17 && len(w.nodes) < 4:
		w.start()
		w.note("node starts")
	case n == 18 && len(w.nodes) > 1:
		w.stopNode(node)
	}
	pass(time.Duration(w.rand.IntN(3)*w.rand.IntN(4000)) * time.Millisecond)
}

func (w *pushWorld) send(node int, to pull.Target, users ...string) {
	e := push(fmt.Sprintf("n%d.", len(w.sent)), "")
	e.Push.Immediately = w.rand.IntN(4) == 0
	for _, user := range users {
		w.sent = append(w.sent, modelPush{user, e.Push.Title, time.Now()})
	}
	sendEvent(w.t, w.nodes[node], to, e)
	w.note("%s to %s from node %d, immediately %t", e.Push.Title, users, node, e.Push.Immediately)
}

func (w *pushWorld) note(format string, args ...any) {
	w.history = append(w.history, fmt.Sprintf("+%.1f ", time.Since(w.notified.began).Seconds())+fmt.Sprintf(format, args...))
}

// eachPage acts on one page, if there is one.
func (w *pushWorld) eachPage(act func(*modelPage)) {
	if open := w.open(); len(open) > 0 {
		act(open[w.rand.IntN(len(open))])
	}
}

func (w *pushWorld) open() (open []*modelPage) {
	for _, p := range w.pages {
		if p.page != nil {
			open = append(open, p)
		}
	}
	return open
}

func (w *pushWorld) look(p *modelPage) {
	p.report(w.t, looks)
	if !p.looking {
		p.looks = append(p.looks, time.Now())
		w.note("%s looks", p.user)
	}
	p.looking = true
}

func (w *pushWorld) hide(p *modelPage, tell bool) {
	if !p.looking {
		return
	}
	p.looking = false
	p.hides = append(p.hides, time.Now())
	w.note("%s hides, tells it: %t", p.user, tell)
	if tell {
		p.report(w.t, hides)
	}
}

func (w *pushWorld) forget(p *modelPage) { p.page = nil }

func (w *pushWorld) stopNode(i int) {
	w.note("node %d stops", i)
	for _, p := range w.open() {
		if p.node == w.nodes[i] {
			w.hide(p, false)
			w.forget(p)
		}
	}
	w.nodes[i].stop(w.t)
	w.nodes = append(w.nodes[:i], w.nodes[i+1:]...)
}

// lookedBetween reports whether a user looked at a page at any time, or all of the
// time, between two times.
func (w *pushWorld) lookedBetween(user string, from, to time.Time) (ever, throughout bool) {
	for _, p := range w.pages {
		for i, since := range p.looks {
			until := to.Add(time.Hour)
			if i < len(p.hides) {
				until = p.hides[i]
			}
			if p.user == user {
				ever = ever || !since.After(to) && !until.Before(from)
				throughout = throughout || since.Before(from) && !until.Before(to)
			}
		}
	}
	return ever, throughout
}

// check compares what was sent with who looked when.
func (w *pushWorld) check() {
	all := strings.Join(w.notified.delivered(3*time.Minute), "\n")
	for _, m := range w.sent {
		count := strings.Count(all, m.user+" "+m.title+" ")
		ever, throughout := w.lookedBetween(m.user, m.at, m.at.Add(17*time.Second))
		switch {
		case count > 1:
			w.t.Errorf("%s to %s: got %d notifications, want one at most", m.title, m.user, count)
		case count == 0 && !ever:
			w.t.Errorf("%s to %s: got no notification although the user did not look", m.title, m.user)
		case count == 1 && throughout:
			w.t.Errorf("%s to %s: got a notification although the user looked", m.title, m.user)
		}
	}
	if w.t.Failed() {
		w.t.Log(strings.Join(w.history, "\n") + "\n" + all)
	}
}

// Whatever users and nodes do: nobody who looks is notified, everybody else is, and
// once.
func TestNotificationsAtRandom(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &pushWorld{t: t, rand: rand.New(rand.NewPCG(uint64(seed), 0)), log: new(pull.Memory), notified: newPostman()}
				w.start()
				w.start()
				for range 80 {
					w.step()
				}
				w.check()
				stopAll(t, w.nodes)
			})
		})
	}
}
