package hub

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

func TestWaitlistWakesOnlyReachedWaiters(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var l waitlist
	waiting := make(map[*waiter]bool)
	for step := range 5000 {
		switch r.IntN(4) {
		case 0, 1:
			waiting[l.add(uint64(step+r.IntN(50)))] = true
		case 2:
			for w := range waiting {
				l.remove(w)
				delete(waiting, w)
				break
			}
		case 3:
			l.wake(uint64(step))
			for w := range waiting {
				select {
				case <-w.reached:
					if w.number > uint64(step) {
						t.Fatalf("step %d woke the waiter for %d", step, w.number)
					}
					delete(waiting, w)
				default:
					if w.number <= uint64(step) {
						t.Fatalf("step %d did not wake the waiter for %d", step, w.number)
					}
				}
			}
		}
		if len(l) != len(waiting) {
			t.Fatalf("step %d: %d are in the list, want %d", step, len(l), len(waiting))
		}
	}
}

// A thousand pages may wait for a position; one more is refused and retries.
func TestPagesAheadOfTheLogAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, d := newHub(func(*Config) {})
		w := new(writer)
		d.Dispatch([]broker.Delivery{w.message(event.Shared(), "first")})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var pages sync.WaitGroup
		for range maxAhead {
			pages.Go(func() {
				if err := h.AwaitPosition(ctx, envelope.Cursor{Epoch: "log", Offset: 2}); err != nil {
					t.Errorf("got %v, want to wait", err)
				}
			})
		}
		synctest.Wait()

		if h.AwaitPosition(ctx, envelope.Cursor{Epoch: "log", Offset: 2}) == nil {
			t.Error("one more than the bound could wait")
		}
		began := time.Now()
		d.Dispatch([]broker.Delivery{w.message(event.Shared(), "second")})
		pages.Wait()

		if len(h.waiting.positions) != 0 || time.Since(began) != 0 {
			t.Errorf("%d wait after %s, want none at once", len(h.waiting.positions), time.Since(began))
		}
		if err := h.AwaitPosition(ctx, envelope.Cursor{Epoch: "log", Offset: 9}); err != nil || len(h.waiting.positions) != 0 || time.Since(began) != time.Second {
			t.Errorf("%d wait after their context has ended, at %s", len(h.waiting.positions), time.Since(began))
		}
	})
}
