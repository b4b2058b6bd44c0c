package hub

import (
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/notification"
)

// The log may forget what the window has dropped. If it outlives the process, it has
// to keep everything as long as a notification waits, for the next process.
func TestLogIsNeededFromTheWindowOnOrForNotificationsThatWait(t *testing.T) {
	for _, outlives := range []bool{false, true} {
		h, d := newHub(func(c *Config) {
			c.Push, c.PushPatience, c.PushDue, c.LogOutlives = true, time.Hour, func() {}, outlives
		})
		w := new(writer)
		first := w.push(event.User("1"), &notification.Push{Title: "hi"}, "x")
		d.Dispatch([]broker.Delivery{first, w.message(event.User("2"), "x"), w.message(event.User("3"), "x")})

		for h.Sweep(time.Now().Add(10 * time.Minute)) {
		}
		want := uint64(4)
		if outlives {
			want = 1
		}
		if got := h.Needed().Load(); got != want || h.pending.Len() != 1 || h.history.Len() != 0 {
			t.Errorf("log outlives %t: needed from %d with %d notifications, want %d with 1", outlives, got, h.pending.Len(), want)
		}

		d.Dispatch([]broker.Delivery{w.next(envelope.Control(envelope.KindNotified, time.Now(), "log.1\n1"))})
		if got := h.Needed().Load(); got != 4 || h.pending.Len() != 0 {
			t.Errorf("log outlives %t: needed from %d with %d notifications, want 4 with none", outlives, got, h.pending.Len())
		}
	}
}

// Another log has offsets of its own.
func TestNeededOffsetFollowsTheLog(t *testing.T) {
	h, d := newHub(func(c *Config) { c.WindowCount = 2 })
	w := new(writer)
	for range 10 {
		d.Dispatch([]broker.Delivery{w.message(event.User("1"), "x")})
	}
	if got := h.Needed().Load(); got != 9 {
		t.Errorf("needed from %d, want 9", got)
	}

	other := w.message(event.User("1"), "x").Raw
	d.Dispatch([]broker.Delivery{delivery("other", 1, other)})

	if got := h.Needed().Load(); got != 1 {
		t.Errorf("needed from %d of another log, want 1", got)
	}
}
