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

func TestWaitlistWakesThoseWhomItConcerns(t *testing.T) {
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
						t.Fatalf("step %d woke who waits for %d", step, w.number)
					}
					delete(waiting, w)
				default:
					if w.number <= uint64(step) {
						t.Fatalf("step %d did not wake who waits for %d", step, w.number)
					}
				}
			}
		}
		if len(l) != len(waiting) {
			t.Fatalf("step %d: %d are in the list, want %d", step, len(l), len(waiting))
		}
	}
}

// A thousand pages may say that they are ahead; one more is sent away to come back.
func TestPagesAheadOfTheLogAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, d := bareNode(func(*Config) {})
		w := new(writer)
		d.Dispatch([]broker.Delivery{w.message(event.Shared(), "first")})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var pages sync.WaitGroup
		for range waitersAhead {
			pages.Go(func() {
				if !n.AwaitPosition(ctx, envelope.Cursor{Epoch: "log", Offset: 2}) {
					t.Error("sent away, want to wait")
				}
			})
		}
		synctest.Wait()

		if n.AwaitPosition(ctx, envelope.Cursor{Epoch: "log", Offset: 2}) {
			t.Error("one more than may wait was let to")
		}
		began := time.Now()
		d.Dispatch([]broker.Delivery{w.message(event.Shared(), "second")})
		pages.Wait()

		if len(n.positions) != 0 || time.Since(began) != 0 {
			t.Errorf("%d wait after %s, want none at once", len(n.positions), time.Since(began))
		}
		if n.AwaitPosition(ctx, envelope.Cursor{Epoch: "log", Offset: 9}); len(n.positions) != 0 || time.Since(began) != time.Second {
			t.Errorf("%d wait after the time is over, at %s", len(n.positions), time.Since(began))
		}
	})
}
