package hub

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/grant"
)

// A throng is a hub with a user of 1,000 pages, who have many watches of their own, and
// with events that name thousands.
type throng struct {
	hub                           *Hub
	toUsers, toTags, series, last uint64 // offsets of events
}

func newThrong(t testing.TB) *throng {
	t.Helper()
	h, d := newHub(func(*Config) {})
	w, tags := new(writer), numbered("tag", 100)
	send := func(to event.Target) uint64 {
		d.Dispatch([]broker.Delivery{w.message(to, "x")})
		return w.seq
	}
	c := &throng{hub: h}
	send(event.Shared())
	for i := range 1000 {
		p := newPage(h, "many", plain{})
		p.Client = strconv.Itoa(i)
		if err := h.Join(p, nil, 0); err != nil {
			t.Fatal(err)
		}
		h.WatchPage(p, []Presented{{Grant: grant.Grant{ID: 1, From: envelope.Cursor{Epoch: "log", Offset: 1}, Tags: tags}}})
	}
	for _, tag := range tags {
		d.Dispatch([]broker.Delivery{w.grant("many", "log.1", tag)})
	}
	c.toUsers, c.toTags = send(event.User(numbered("user", 10_000)...)), send(event.Tag(numbered("other", 10_000)...))
	var batch []broker.Delivery
	for range 5000 {
		raw := envelope.AppendSeries(envelope.AppendHeader(nil, envelope.KindEvent, time.Now()), [16]byte{1})
		to := event.Tag("nobody")
		raw = event.AppendTarget(append(raw, 0xff, 0xff, 0xff, 0xff, 0x7f), "", &to)
		batch = append(batch, w.next(append(raw, `"tasks:update",1]`...)))
	}
	c.series = c.toTags + 1
	d.Dispatch(batch)
	for i := range 200 {
		c.last = send(event.Tag(tags[i%100]))
	}
	return c
}

func numbered(name string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s-%d", name, i)
	}
	return all
}

// questions are what an operator may ask, by name.
func (c *throng) questions() map[string]func() {
	h, ask := c.hub, func(user string, offset uint64) func() {
		q := c.hub.questionAbout(user, envelope.Cursor{Offset: offset})
		return func() { c.hub.learn(q) }
	}
	return map[string]func(){
		"guests":                ask("", c.last),
		"an event to a tag":     ask("many", c.last),
		"10,000 users":          ask("many", c.toUsers),
		"10,000 tags":           ask("many", c.toTags),
		"a series":              ask("many", c.series),
		"sessions":              func() { h.seenOf("many") },
		"recent events":         func() { h.newest(mostRecent) },
		"recent events of many": func() { h.offsetsOf("many") },
		"whether one is for it": func() { h.messageOf("many", c.toUsers) },
	}
}

// What an operator asks holds up the node for a moment, whatever is asked. It takes less
// than a millisecond, and a hundred times as long if it depends on how much an event names
// or how much is in the window.
func TestOperatorHoldsTheLockBriefly(t *testing.T) {
	for name, ask := range newThrong(t).questions() {
		best := time.Hour
		for range 5 {
			start := time.Now()
			ask()
			best = min(best, time.Since(start))
		}
		if best > 15*time.Millisecond {
			t.Errorf("%s: the lock was held for %s", name, best)
		}
	}
}

// BenchmarkExplain measures how long an operator's questions hold the lock.
func BenchmarkExplain(b *testing.B) {
	for name, ask := range newThrong(b).questions() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}
