package pull_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// isReady fails unless the node is ready, or not ready for a reason that contains a text.
func isReady(t *testing.T, a *app, reason string) {
	t.Helper()
	err := a.Ready()
	if reason == "" && err != nil || reason != "" && (err == nil || !strings.Contains(err.Error(), reason)) {
		t.Errorf("got %v, want the reason %q", err, reason)
	}
}

func TestNodeIsReadyAsLongAsItReachesTheLog(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *app{
		"embedded": func(t *testing.T) *app { t.Helper(); return newApp(t, nil) },
		"shared":   func(t *testing.T) *app { t.Helper(); return newFaults().node(t) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := start(t)
				defer a.stop(t)

				for range 600 { // nobody sends anything for ten minutes
					isReady(t, a, "")
					pass(time.Second)
				}
			})
		})
	}
}

func TestNodeIsNotReadyWithoutALog(t *testing.T) {
	for _, tc := range []struct {
		name     string
		breaks   func(*faults)
		within   time.Duration // that the node notices it
		reason   string
		mends    func(*faults)
		recovers time.Duration
	}{
		{
			"refuses events",
			func(f *faults) { f.err = errBroker }, time.Millisecond, "does not accept events",
			func(f *faults) { f.err = nil }, 3 * time.Second,
		},
		{
			"ends the subscription",
			func(f *faults) { f.away = errBroker }, time.Millisecond, "subscription",
			func(f *faults) { f.away = nil }, 3 * time.Second,
		},
		{
			"is silent",
			func(f *faults) { f.hold = make(chan struct{}) }, 26 * time.Second, "came back",
			func(f *faults) { close(f.hold); f.hold = nil }, time.Second,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				a := f.node(t)
				defer a.stop(t)
				r, _ := a.fresh(t, "1")

				f.set(tc.breaks)
				f.interrupt()
				if tc.name != "ends the subscription" {
					pass(time.Second) // the subscription goes on
				}
				sent := make(chan error, 1)
				go func() { sent <- a.Send(context.Background(), pull.User("1"), event("waits", nil)) }()
				pass(tc.within)
				isReady(t, a, tc.reason)
				pass(time.Minute)
				isReady(t, a, tc.reason)

				f.set(tc.mends)
				pass(tc.recovers)
				isReady(t, a, "")
				if err := <-sent; err != nil {
					t.Errorf("Send: got %v, want nil", err)
				}
				r.sees(t, "waits")
			})
		})
	}
}

// Nothing in the new log would show that it is one, until somebody sends an event.
func TestQuietNodeIsSoonReadyOnAnotherLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker, c.OnError = f, func(error) {} })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")

		f.newEpoch()
		pass(3 * time.Second)

		isReady(t, a, "")
		if _, hellos, err := r.wait(); len(hellos) != 2 || err != nil {
			t.Errorf("the page got %v and %v, want a second hello, of a gap", hellos, err)
		}
	})
}

// From one message of the node to the next it may take 24 seconds.
func TestNodeOnASlowLogIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.Broker = &hesitant{Broker: new(pull.Memory)} })
		defer a.stop(t)

		for range 3600 {
			isReady(t, a, "")
			pass(time.Second)
		}
	})
}

// hesitant is a log that takes four seconds for every other call of Publish.
type hesitant struct {
	pull.Broker
	calls atomic.Int64
}

func (h *hesitant) Publish(ctx context.Context, messages ...[]byte) error {
	if h.calls.Add(1)%2 == 0 {
		select {
		case <-time.After(4 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return h.Broker.Publish(ctx, messages...)
}

// Load balancers ask at any time. Run with -race.
func TestReadyMayBeAskedAtAnyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker, c.OnError, c.Drain = f, func(error) {}, time.Second })
		ctx, end := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		for range 4 {
			asking.Go(func() {
				for ; ctx.Err() == nil; pass(time.Millisecond) {
					_ = a.Ready()
				}
			})
		}
		for i := range 20 {
			a.fresh(t, strconv.Itoa(i))
			send(t, a, pull.Shared(), "x")
			f.interrupt()
			pass(10 * time.Millisecond)
		}

		a.stop(t)

		pass(time.Second)
		end()
		asking.Wait()
	})
}

func TestNodeIsReadyOnceItHasReachedTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		a := f.node(t) // New returns without a log
		defer a.stop(t)
		isReady(t, a, "not reached yet")
		_, response, err := a.tryDial(t, "", userHeader, "1")
		if err == nil || response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a page: got %v and %v, want 503 as long as the node is not ready", response, err)
		}

		close(hold)
		pass(time.Second)

		isReady(t, a, "")
		a.fresh(t, "1")
	})
}

func TestNodeThatShutsDownIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFaults().draining(t, 10*time.Second)
		a.fresh(t, "1")
		ended := make(chan error, 1)
		go func() { ended <- a.Shutdown(t.Context()) }()
		pass(time.Second)

		if err := a.Ready(); !errors.Is(err, pull.ErrClosed) {
			t.Errorf("during the drain: got %v, want %v", err, pull.ErrClosed)
		}
		<-ended
		if err := a.Ready(); !errors.Is(err, pull.ErrClosed) {
			t.Errorf("afterwards: got %v, want %v", err, pull.ErrClosed)
		}
		a.stop(t)
	})
}

func TestReadyHandlerRespondsToALoadBalancer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		a.echo.GET("/ready", a.ReadyHandler())
		a.echo.HEAD("/ready", a.ReadyHandler())
		check := func(status int, want string) {
			t.Helper()
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				response := a.do(t, method, "/ready", "")
				got := text(response)
				if method == http.MethodHead {
					want = ""
				}
				if response.StatusCode != status || got != want {
					t.Errorf("%s: got %d and %q, want %d and %q", method, response.StatusCode, got, status, want)
				}
				if got := response.Header.Get("Cache-Control"); got != "no-store" {
					t.Errorf("%s: got Cache-Control %q, want no-store", method, got)
				}
				if got := response.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
					t.Errorf("%s: got Content-Type %q, want plain text", method, got)
				}
			}
		}

		check(http.StatusOK, "ok")
		if err := a.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(http.StatusServiceUnavailable, "pull: plugin is shut down")
		a.stop(t)
	})
}
