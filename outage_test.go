package pull_test

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

func TestLostAcknowledgementsDoubleNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		b := f.node(t)
		defer b.stop(t)
		defer a.stop(t)
		live, at := a.fresh(t, "1")
		elsewhere, _ := b.fresh(t, "1")
		f.set(func(f *faults) { f.acks = 3 })

		send(t, a, pull.User("1"), "once")
		send(t, a, pull.User("1"), "after")

		live.sees(t, "once", "after")
		elsewhere.sees(t, "once", "after")
		b.resume(t, "1", at).sees(t, "once", "after")
		if f.retries != 3 {
			t.Errorf("got %d failed Publishes, want 3", f.retries)
		}
	})
}

func TestBrokerThatReturnsHasLostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		f.set(func(f *faults) { f.err, f.away = errBroker, errBroker })
		f.interrupt()
		sent := make(chan error, 1)
		go func() { sent <- a.Send(context.Background(), pull.User("1"), event("waited", nil)) }()
		pass(30 * time.Second)
		r.sees(t)

		f.set(func(f *faults) { f.err, f.away = nil, nil })

		if err := <-sent; err != nil {
			t.Errorf("Send: got %v, want nil", err)
		}
		pass(5 * time.Second)
		r.sees(t, "waited")
	})
}

// The node that has expired another node must still recognize its messages.
func TestRetryAfterALongOutageDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		b := f.node(t)
		defer b.stop(t)
		defer a.stop(t)
		r, _ := b.fresh(t, "1")
		f.set(func(f *faults) { f.acks = 1 }) // the log takes it, but a gets an error
		go func() { _ = a.Send(context.Background(), pull.User("1"), event("once", nil)) }()
		synctest.Wait()
		f.set(func(f *faults) { f.err = errBroker }) // then the broker is unreachable
		pass(100 * time.Second)
		f.set(func(f *faults) { f.err = nil })
		pass(10 * time.Second)

		send(t, a, pull.User("1"), "after")

		r.sees(t, "once", "after")
	})
}

func TestOutageIsReportedOnceAndItsEndLogged(t *testing.T) {
	const hour = time.Hour
	synctest.Test(t, func(t *testing.T) {
		f, told, out := newFaults(), new(reports), new(lines)
		a := newApp(t, func(c *pull.Config) {
			c.Broker, c.OnError = f, told.add
			c.Logger = slog.New(slog.NewTextHandler(out, nil))
		})
		defer a.stop(t)
		go func() { _ = a.Send(context.Background(), pull.User("1"), event("waits", nil)) }()
		for outage := range 2 {
			f.set(func(f *faults) { f.err, f.away = errBroker, errBroker })
			f.interrupt()
			pass(hour)
			f.set(func(f *faults) { f.err, f.away = nil, nil })
			pass(5 * time.Minute)

			for _, text := range []string{"pull: publish: ", "pull: subscription: "} {
				if n := told.count(text); n != outage+1 {
					t.Errorf("%q was reported %d times after %d outages of an hour", text, n, outage+1)
				}
			}
			for _, text := range []string{
				`"pull: the broker is lost" part=publish`, `"pull: the broker is back" part=publish`,
				`"pull: the broker is lost" part=subscription`, `"pull: the broker is back" part=subscription`,
			} {
				if n := out.count(text); n != outage+1 {
					t.Errorf("%q was logged %d times after %d outages, want once for each:\n%s", text, n, outage+1, out)
				}
			}
		}
		if !strings.Contains(out.String(), "after=1h0m") {
			t.Errorf("got %s, want how long an outage has lasted", out)
		}
	})
}

// A subscription that fails after each of its first messages is one outage.
func TestSubscriptionThatKeepsFailingIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, told := newFaults(), new(reports)
		a := newApp(t, func(c *pull.Config) { c.Broker, c.OnError = f, told.add })
		defer a.stop(t)
		send(t, a, pull.User("1"), "window")

		for range 100 {
			f.interrupt()
			pass(1900 * time.Millisecond) // it receives the window again, or waits until it may
		}

		if n := told.count("pull: subscription: "); n != 1 {
			t.Errorf("got %d reports, want one", n)
		}
	})
}

// lines is a logger's output, for several goroutines.
type lines struct {
	mu  sync.Mutex // guards out
	out strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.out.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.out.String()
}

func (l *lines) count(text string) int { return strings.Count(l.String(), text) }

func TestExtensionThatWaitedForTheBrokerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		grant(t, a, "1", "T")
		pass(31 * time.Minute)
		f.set(func(f *faults) { f.err = errBroker })
		if !a.Watch().Extend("1", "T")["T"] {
			t.Fatal("the watch has ended early")
		}
		pass(90 * time.Second)
		f.set(func(f *faults) { f.err = nil })
		pass(10 * time.Second)

		if users := a.Watch().Users("T"); !slices.Equal(users, []string{"1"}) {
			t.Errorf("got watchers %v, want the user whose extension was promised", users)
		}
	})
}

func TestSlowBrokerDelaysNoResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		withSend(a, 1, pull.User("1"))
		r, _ := a.fresh(t, "1")
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		time.AfterFunc(10*time.Second, func() { close(hold) })
		start := time.Now()

		for range 3 {
			a.get(t, "/send")
		}

		if took := time.Since(start); took != 0 {
			t.Errorf("responses took %s, want none of the broker's 10 s", took)
		}
		pass(11 * time.Second)
		r.sees(t, "0", "0", "0")
	})
}

func TestFullQueueIsToldAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		p, at := a.fresh(t, "1")
		p.leave()
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		accepted := 0
		a.echo.GET("/send", pull.Handler(func(c pull.Context) error {
			for range 5000 {
				if err := c.Pull().Send(pull.User("1"), event(strconv.Itoa(accepted), nil)); err != nil {
					c.Set("error", err)
					return c.String(http.StatusOK, err.Error())
				}
				accepted++
			}
			return c.NoContent(http.StatusNoContent)
		}))
		full := ""
		for i := 0; i < 100 && full == ""; i++ {
			full = text(a.get(t, "/send"))
		}
		if full != pull.ErrQueueFull.Error() {
			t.Fatalf("got %q after %d events, want %v", full, accepted, pull.ErrQueueFull)
		}

		f.set(func(f *faults) { f.hold = nil })
		close(hold)
		synctest.Wait()
		pass(time.Second)

		commands, _, _ := a.resume(t, "1", at).wait()
		counted(t, commands)
		if len(commands) != accepted {
			t.Errorf("got %d events, want the %d that were accepted", len(commands), accepted)
		}
	})
}

// withSend adds a route that sends n events.
func withSend(a *app, n int, to pull.Target) {
	a.echo.GET("/send", pull.Handler(func(c pull.Context) error {
		for i := range n {
			if err := c.Pull().Send(to, event(strconv.Itoa(i), nil)); err != nil {
				return err
			}
		}
		return c.NoContent(http.StatusNoContent)
	}))
}
