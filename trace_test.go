package pull_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// A tracer remembers what it is called with.
type tracer struct {
	trace string

	mu        sync.Mutex // guards what follows
	published []int      // events of each Publish
	requests  []any      // the values of their contexts
	settled   []error
	traces    []string // of all calls of Deliver
	pages     int
	began     time.Time // of the last Deliver
}

type requestKey struct{}

func (r *tracer) Publish(ctx context.Context, events int) (string, func(error)) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.published = append(r.published, events)
	r.requests = append(r.requests, ctx.Value(requestKey{}))
	return r.trace, func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()

		r.settled = append(r.settled, err)
	}
}

func (r *tracer) Deliver(began time.Time, traces []string, pages int) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.began, r.pages = began, r.pages+pages
	r.traces = append(r.traces, traces...)
}

// saw fails unless the tracer has seen calls of Publish with so many events, of which
// the log has all, and traces on their delivery.
func (r *tracer) saw(t *testing.T, published []int, traces ...string) {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()

	if !slices.Equal(r.published, published) || !slices.Equal(r.traces, traces) {
		t.Errorf("saw %v published and %q delivered, want %v and %q", r.published, r.traces, published, traces)
	}
	if len(r.settled) != len(published) || slices.ContainsFunc(r.settled, func(err error) bool { return err != nil }) {
		t.Errorf("saw %v settled, want nil for each of %d", r.settled, len(published))
	}
}

func TestTraceGoesFromTheRequestToTheDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &tracer{trace: traceparent}
		a := newApp(t, func(c *pull.Config) { c.Trace = r })
		defer a.stop(t)
		a.echo.POST("/act", pull.Handler(func(c pull.Context) error {
			for _, command := range []string{"one", "two"} {
				if err := c.Pull().Send(pull.User("1", "2"), event(command, nil)); err != nil {
					return err
				}
			}
			return c.NoContent(http.StatusNoContent)
		}))
		a.echo.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), requestKey{}, "request")))
				return next(c)
			}
		})
		one, at := a.fresh(t, "1")
		two, _ := a.fresh(t, "2")
		before := time.Now()

		a.act(t)

		one.sees(t, "one", "two")
		two.sees(t, "one", "two")
		a.resume(t, "1", at).sees(t, "one", "two")
		r.saw(t, []int{2}, traceparent)
		if r.requests[0] != "request" || r.pages != 2 || !r.began.Equal(before) {
			t.Errorf("saw the context of %v, %d pages and %v; want that of the request, 2 and %v", r.requests[0], r.pages, r.began, before)
		}
	})
}

func TestFailedRequestHasNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &tracer{trace: traceparent}
		a := txApp(t, func(c pull.Context) error {
			return errors.Join(c.Pull().Send(pull.User("1"), event("lost", nil)), errors.New("failed"))
		}, func(c *pull.Config) { c.Trace = r })
		defer a.stop(t)

		a.act(t)

		r.saw(t, nil)
	})
}

// Each way by which events leave has a trace.
func TestEveryWayOfSendingIsTraced(t *testing.T) {
	for name, send := range map[string]func(t *testing.T, a *app, b txBroker, ctx context.Context) error{
		"Send": func(_ *testing.T, a *app, _ txBroker, ctx context.Context) error {
			return a.Send(ctx, pull.User("1"), event("came", nil))
		},
		"SendTx": func(_ *testing.T, a *app, b txBroker, ctx context.Context) error {
			tx := b.begin()
			defer tx.commit()
			return a.SendTx(ctx, tx, pull.User("1"), event("came", nil))
		},
		"Flush": func(t *testing.T, a *app, _ txBroker, ctx context.Context) error {
			a.echo.POST("/act", pull.Handler(func(c pull.Context) error {
				if err := c.Pull().Send(pull.User("1"), event("came", nil)); err != nil {
					return err
				}
				return c.Pull().Flush(ctx)
			}))
			a.act(t)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, b := &tracer{trace: traceparent}, newTxBroker()
				a := newApp(t, func(c *pull.Config) { c.Trace, c.Broker = r, b })
				defer a.stop(t)
				page, _ := a.fresh(t, "1")

				if err := send(t, a, b, context.WithValue(t.Context(), requestKey{}, "call")); err != nil {
					t.Fatal(err)
				}

				pass(2 * time.Second) // the next poll of the relay
				page.sees(t, "came")
				r.saw(t, []int{1}, traceparent)
				if r.requests[0] != "call" {
					t.Errorf("got the context of %v, want that of the call", r.requests[0])
				}
			})
		})
	}
}

func TestPublicationOfAServiceIsTraced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &tracer{trace: traceparent}
		a := newApp(t, func(c *pull.Config) { c.Trace = r })
		defer a.stop(t)
		a.withPublish(nil)
		page, _ := a.fresh(t, "1")

		a.publishes(t, toOne("one", "two"), "Idempotency-Key", "k")
		a.publishes(t, toOne("one", "two"), "Idempotency-Key", "k")

		page.sees(t, "one", "two")
		r.saw(t, []int{2}, traceparent)
	})
}

// An event arrives, whatever the tracer returns.
func TestTraceThatIsNoneIsLeftOut(t *testing.T) {
	for name, trace := range map[string]string{"empty": "", "too long": traceparent + "1"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &tracer{trace: trace}
				a := newApp(t, func(c *pull.Config) { c.Trace = r })
				defer a.stop(t)
				page, _ := a.fresh(t, "1")

				send(t, a, pull.User("1"), "came")

				page.sees(t, "came")
				r.saw(t, []int{1})
			})
		})
	}
}

// Events that are delivered together have each trace once, and at most 128 of them.
func TestTraceOfManyEventsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &numbered{}
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker, c.Trace = f, r })
		defer a.stop(t)
		page, _ := a.fresh(t, "1")
		f.set(func(f *faults) { f.err = errBroker })
		for range 300 {
			go func() { _ = a.Send(context.Background(), pull.User("1"), event("came", nil)) }()
		}
		synctest.Wait()
		f.set(func(f *faults) { f.err = nil })
		pass(5 * time.Second)

		page.sees(t, slices.Repeat([]string{"came"}, 300)...)
		if r.largest == 0 || r.largest > 128 {
			t.Errorf("got up to %d traces at once, want at most 128", r.largest)
		}
	})
}

// A numbered tracer gives each event a trace of its own.
type numbered struct {
	mu      sync.Mutex // guards what follows
	last    int
	largest int
}

func (n *numbered) Publish(context.Context, int) (string, func(error)) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.last++
	return strings.Repeat("x", n.last%50) + string(rune('a'+n.last%26)), func(error) {}
}

func (n *numbered) Deliver(_ time.Time, traces []string, _ int) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.largest = max(n.largest, len(traces))
}

// The span of an event that never reaches the log ends, too.
func TestTraceOfALostEventEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &tracer{trace: traceparent}
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker, c.Trace = f, r })
		f.set(func(f *faults) { f.err = errBroker })
		sent := make(chan error, 1)
		go func() { sent <- a.Send(context.Background(), pull.User("1"), event("lost", nil)) }()
		synctest.Wait()

		if err := a.end(t); err == nil {
			t.Error("the shutdown succeeded, want an error: an event is lost")
		}

		<-sent
		if len(r.settled) != 1 || !errors.Is(r.settled[0], pull.ErrClosed) {
			t.Errorf("got %v, want %v once", r.settled, pull.ErrClosed)
		}
	})
}

// What a node reads of the past when it starts was delivered by others. Its pages may
// recover it.
func TestNodeThatStartsDeliversNoTraceOfThePast(t *testing.T) {
	for name, start := range map[string]func(*testing.T) func(*pull.Config){
		"shared log": func(*testing.T) func(*pull.Config) {
			f := newFaults()
			return func(c *pull.Config) { c.Broker = f }
		},
		"state file": func(t *testing.T) func(*pull.Config) {
			t.Helper()
			file := filepath.Join(t.TempDir(), "state")
			return func(c *pull.Config) { c.StateFile = file }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keep, r := start(t), &tracer{trace: traceparent}
				a := newApp(t, func(c *pull.Config) { keep(c); c.Trace = r })
				_, at := a.fresh(t, "1")
				send(t, a, pull.User("1"), "past")
				r.saw(t, []int{1}, traceparent)
				a.stop(t)

				late := &tracer{trace: traceparent}
				b := newApp(t, func(c *pull.Config) { keep(c); c.Trace = late })
				defer b.stop(t)
				page := b.resume(t, "1", at)
				page.sees(t, "past")
				late.saw(t, nil)

				send(t, b, pull.User("1"), "present")
				page.sees(t, "past", "present")
				late.saw(t, []int{1}, traceparent)
			})
		})
	}
}
