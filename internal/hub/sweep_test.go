package hub

import (
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// A burst takes several sweeps. In between, a page that returns must still get what
// an ended watch covered, or be notified of a gap.
func TestEndedWatchIsKeptUntilItsMessagesAreDropped(t *testing.T) {
	h, d := newHub(func(*Config) {})
	h.fill(1, func(int) event.Target { return event.User("2") })
	now := time.Now()
	h.watches.grant("1", "T", 1, now.UnixNano())
	w := &writer{seq: 1}
	for range 3 * sweepStep {
		d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "x")})
	}
	h.watches.end("1", []string{"T"}, h.history.Next(), now.UnixNano())
	late := now.Add(2 * h.history.MaxAge())

	for more := true; more; {
		more = h.Sweep(late)

		at := envelope.Cursor{Epoch: "log", Offset: h.history.Last() - 5}
		page := newPage(h, "1", plain{})
		welcome, err := h.addPage(page, &at, h.Disconnects(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if covered := h.history.Covers(at.Offset); covered && len(welcome.missed.messages) != 5 {
			t.Fatalf("the page has recovered with %d messages, want 5", len(welcome.missed.messages))
		}
	}
	if h.watches.ended.countTags("1") != 0 || h.history.Len() != 0 {
		t.Error("the watch and its messages are still there")
	}
}

// The clock of the node that ends a watch is an hour behind.
func TestEndOfAWatchFromASlowClockKeepsIt(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w := new(writer)
	d.Dispatch([]broker.Delivery{w.message(event.User("2"), "x"), w.grant("1", "log.1", "T"), w.message(event.Tag("T"), "x")})
	d.Dispatch([]broker.Delivery{w.next(envelope.Control(envelope.KindUnwatch, time.Now().Add(-time.Hour), "1", "T"))})

	h.Sweep(time.Now())

	page := newPage(h, "1", plain{})
	welcome, err := h.addPage(page, &envelope.Cursor{Epoch: "log", Offset: 1}, h.Disconnects(), nil)
	if err != nil || len(welcome.missed.messages) != 1 {
		t.Errorf("the page has recovered with %d messages and %v, want one", len(welcome.missed.messages), err)
	}
}
