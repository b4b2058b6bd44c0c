package plugintest

import (
	"context"
	"testing"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/event"
)

// A Message is an event with its target.
type Message struct {
	Target event.Target
	Event  event.Event
}

// Messages are the events that left while a function ran, in order. They never
// change.
type Messages struct {
	list []left
	of   string // what the list was reduced to, for failures; empty for all
}

// Sent implements the function of package pulltest.
func Sent(t testing.TB, w engine.Watches, f func()) *Messages {
	t.Helper()
	e := engine.Of(w)
	relay(e) // what was committed before is not of f
	m := new(Messages)
	stop := e.Record(func(r engine.Record) {
		if l, err := parse(r); err == nil {
			m.list = append(m.list, l)
		}
	})
	defer stop() // also if f ends the test; after it m does not change
	f()
	relay(e)
	return m
}

// relay moves the events of transactions that are committed into the log.
func relay(e *engine.Engine) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e.Relay(ctx)
}

// All returns the events with their targets. Params, and the values in PerUser and Extra,
// are a json.RawMessage. Key
// and ExceptSender of events of SendTx are not known, and zero.
func (m *Messages) All() []Message {
	all := make([]Message, len(m.list))
	for i, l := range m.list {
		all[i] = Message{l.target, l.event}
	}
	return all
}

// Events returns the events, as All does.
func (m *Messages) Events() []event.Event {
	events := make([]event.Event, len(m.list))
	for i, l := range m.list {
		events[i] = l.event
	}
	return events
}

// To returns those to exactly this target. The order of users and tags in it does
// not matter.
func (m *Messages) To(target event.Target) *Messages {
	name := showTarget(target)
	to := &Messages{of: " to " + name}
	for _, l := range m.list {
		if showTarget(l.target) == name {
			to.list = append(to.list, l)
		}
	}
	return to
}

// None fails the test if anything left.
func (m *Messages) None(t testing.TB) {
	t.Helper()
	m.Exactly(t)
}

// Only fails the test unless exactly these events left, to this target and in
// this order.
func (m *Messages) Only(t testing.TB, target event.Target, events ...event.Event) {
	t.Helper()
	want := make([]Message, len(events))
	for i, e := range events {
		want[i] = Message{target, e}
	}
	m.Exactly(t, want...)
}

// Exactly fails the test unless exactly these events left, in this order.
//
// Params, PerUser and Extra are compared as JSON. Key, Keep, TTL, ExceptSender, Secret and Push are compared
// if they are set in what the test wants, and Key and ExceptSender not for events
// of SendTx.
func (m *Messages) Exactly(t testing.TB, want ...Message) {
	t.Helper()
	wanted := make([]left, len(want))
	for i, message := range want {
		w, err := newWant(message)
		if err != nil {
			t.Fatalf("pulltest: cannot compare with event %d: %v", i, err)
		}
		wanted[i] = w
	}
	if text := compare(wanted, m.list); text != "" {
		t.Errorf("pulltest: what left%s is not what the test wants (- wanted, + left):\n%s", m.of, text)
	}
}
