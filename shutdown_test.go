package pull_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

func TestShutdownDeliversFirstAndSaysComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		withSend(a, 3, pull.User("1"))
		r, _ := a.fresh(t, "1")
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		a.get(t, "/send")
		time.AfterFunc(3*time.Second, func() { close(hold) })

		a.stop(t)

		commands, _, err := r.wait()
		if !slices.Equal(commands, []string{"0", "1", "2"}) || !websocket.IsCloseError(err, 1012) {
			t.Errorf("got %q and %v, want all three and close 1012", commands, err)
		}
		if err := a.Send(t.Context(), pull.User("1"), event("x", nil)); !errors.Is(err, pull.ErrClosed) {
			t.Errorf("Send afterwards: got %v, want %v", err, pull.ErrClosed)
		}
	})
}

func TestShutdownDrainsAndSaysComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		p := a.dial(t, "42", "")
		p.hello(t)
		for range 100 {
			send(t, a, pull.User("42"), "update")
		}

		go a.stop(t)

		for range 100 {
			p.event(t)
		}
		if code, _ := p.closed(t); code != 1012 {
			t.Errorf("closed with %d, want 1012", code)
		}
		synctest.Wait()
		if err := a.Send(t.Context(), pull.User("42"), event("update", nil)); !errors.Is(err, pull.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	})
}

func TestShutdownIsBoundedByItsContext(t *testing.T) {
	for _, stalled := range []string{"broker", "page", "stream"} {
		t.Run(stalled, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				a := f.node(t)
				withSend(a, 100, pull.User("1"))
				a.stall(t, "1")
				if stalled == "stream" {
					a.stream(t, "1", "")
				}
				hold := make(chan struct{})
				if stalled == "broker" {
					f.set(func(f *faults) { f.hold = hold })
				}
				a.get(t, "/send")
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()

				err := a.Shutdown(ctx)

				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("took %s, want no more than 2s", took)
				}
				if err == nil {
					t.Error("got nil, want an error that names what was cut off")
				}
				close(hold)
				if again := a.end(t); again != err { //nolint:errorlint // the very same
					t.Errorf("a second Shutdown returned %v, want %v as the first", again, err)
				}
			})
		})
	}
}

// Pages whose connection breaks return within half a second, those that are closed
// within five.
func TestShutdownWithoutALogClosesPagesInTime(t *testing.T) {
	for _, tc := range []struct {
		name        string
		breaks      func(*faults)
		bound, want time.Duration
	}{
		{"which refuses an event", func(f *faults) { f.err = errBroker }, 20 * time.Second, 18 * time.Second},
		{"which is silent", func(f *faults) { f.hold = make(chan struct{}) }, 20 * time.Second, 18 * time.Second},
		{"and with little time", func(f *faults) { f.err = errBroker }, 3 * time.Second, 1500 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				a := newApp(t, func(c *pull.Config) { c.Broker, c.OnError = f, func(error) {} })
				times, codes, wait := goodbyes(t, a, 10)
				f.set(tc.breaks)
				sent := make(chan error, 1)
				go func() { sent <- a.Send(context.Background(), pull.Shared(), event("waits", nil)) }()
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), tc.bound)
				defer cancel()
				began := time.Now()

				err := a.Shutdown(ctx)

				if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != tc.bound {
					t.Errorf("Shutdown returned %v after %s, want %v after %s", err, took, context.DeadlineExceeded, tc.bound)
				}
				wait()
				for i, at := range times {
					if got := at.Sub(began); got != tc.want || codes[i] != 1012 {
						t.Errorf("page %d was closed with %d after %s, want 1012 after %s", i, codes[i], got, tc.want)
					}
				}
				if err := <-sent; err == nil {
					t.Error("Send: got nil, want an error")
				}
				_ = a.end(t)
			})
		})
	}
}

func TestShutdownWaitsForNoPageThatIsStillConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		_, at := a.fresh(t, "1")
		r := a.dial(t, "2", "?cursor="+at+"00").read() // ahead of the log, so it waits
		synctest.Wait()
		start := time.Now()

		a.stop(t)

		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %s", took)
		}
		if _, _, err := r.wait(); !websocket.IsCloseError(err, 1012) {
			t.Errorf("got %v, want close 1012", err)
		}
	})
}

// A message after the node's last one does not undo it.
func TestShutdownHearsItsFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker, c.PresenceGrace = f, time.Second })
		p, _ := a.fresh(t, "1")
		pass(time.Second)
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		ended := make(chan error)
		go func() { ended <- a.Shutdown(t.Context()) }()
		synctest.Wait() // the node's last message is being published
		p.leave()
		pass(2 * time.Second) // the user's grace ends, which sends one more message
		f.set(func(f *faults) { f.hold = nil })

		close(hold)

		if err := <-ended; err != nil {
			t.Errorf("got %v, want nil", err)
		}
		a.stop(t)
	})
}

func TestFlushAfterAShutdownThatGaveUpIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		entered, leave := make(chan struct{}), make(chan struct{})
		var flushed error
		a.echo.GET("/long", pull.Handler(func(c pull.Context) error {
			if err := c.Pull().Send(pull.User("2"), event("x", nil)); err != nil {
				return err
			}
			close(entered)
			<-leave
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			flushed = c.Pull().Flush(ctx)
			return c.NoContent(http.StatusNoContent)
		}))
		done := make(chan struct{})
		go func() { defer close(done); a.get(t, "/long") }()
		<-entered
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Shutdown(ctx); err == nil {
			t.Error("Shutdown: got nil, want an error: the request goes on")
		}

		close(leave)
		<-done

		if !errors.Is(flushed, pull.ErrClosed) {
			t.Errorf("Flush: got %v, want %v", flushed, pull.ErrClosed)
		}
		_ = a.end(t) // the result is that of the first call
	})
}

func TestEveryShutdownReturnsWhatTheFirstDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		withSend(a, 1, pull.User("1"))
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		a.get(t, "/send")
		bounded, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		outcomes := make(chan error, 3)
		go func() { outcomes <- a.Shutdown(bounded) }()
		synctest.Wait()
		for range 2 {
			go func() { outcomes <- a.Shutdown(t.Context()) }()
		}
		over, stop := context.WithCancel(t.Context())
		stop()
		if err := a.Shutdown(over); !errors.Is(err, context.Canceled) {
			t.Errorf("a call that does not wait: got %v, want %v", err, context.Canceled)
		}

		first := <-outcomes

		for _, again := range []error{<-outcomes, <-outcomes, a.Shutdown(over)} {
			if first == nil || again != first { //nolint:errorlint // the very same
				t.Errorf("got %v after %v, want the same error", again, first)
			}
		}
		close(hold)
		_ = a.end(t)
	})
}

// A call of the broker that the end of the shutdown cuts off is no failure of the
// broker.
func TestShutdownDoesNotReportTheCallThatItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		var reports reports
		a := newApp(t, func(c *pull.Config) { c.Broker, c.OnError = f, reports.add })
		a.fresh(t, "1")
		f.set(func(f *faults) { f.hold = make(chan struct{}) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()

		_ = a.server.shutdown(ctx)
		_ = a.Shutdown(ctx) // the node's own messages do not reach the log

		if reports.contain("pull: publish") {
			t.Errorf("got %v, want no report of a failed call", reports.list)
		}
	})
}
