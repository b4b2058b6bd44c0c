package hub

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// What is applied is not yet with the pages.
func TestSettledIsMoreThanApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, d := newHub(func(*Config) {})
		m := new(writer).message(event.User("1"), "x")
		envelope.Stamp(m.Raw, h.ID, 1)
		round, _, _ := h.apply([]broker.Delivery{m})
		settled := false
		go func() { settled = h.AwaitSettled(t.Context(), 1) }()
		synctest.Wait()
		if early := settled; early || h.Applied() != 1 {
			t.Errorf("settled %t and applied %d before the pages have the message, want false and 1", early, h.Applied())
		}

		d.deliver(round)
		synctest.Wait()

		if !settled {
			t.Error("not settled after the delivery, want that it is")
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if h.AwaitSettled(ended, 2) {
			t.Error("settled up to a message that does not exist, want false")
		}
	})
}
