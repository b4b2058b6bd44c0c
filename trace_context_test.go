package pull_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// marked is middleware that marks the context of a request, as tracing middleware does.
func marked(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), requestKey{}, "request")))
		return next(c)
	}
}

// The tracer finds in the context what the request belongs to: a traceparent that a
// service has sent, or the trace of the request's own span.
func TestTracerGetsTheContextOfTheRequest(t *testing.T) {
	for name, act := range map[string]func(t *testing.T, a *app, b txBroker){
		"Send": func(t *testing.T, a *app, _ txBroker) {
			a.echo.POST("/act", pull.Handler(func(c pull.Context) error {
				return errors.Join(c.Pull().Send(pull.User("1"), event("came", nil)), c.NoContent(http.StatusNoContent))
			}))
			a.act(t)
		},
		"SendTx": func(t *testing.T, a *app, b txBroker) {
			a.echo.POST("/act", pull.Handler(func(c pull.Context) error {
				tx := b.begin()
				defer tx.commit()
				return c.Pull().SendTx(tx, pull.User("1"), event("came", nil))
			}))
			a.act(t)
		},
		"PublishHandler": func(t *testing.T, a *app, _ txBroker) {
			a.withPublish(nil)
			a.publishes(t, toOne("came"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, b := &tracer{trace: traceparent}, newTxBroker()
				a := newApp(t, func(c *pull.Config) { c.Trace, c.Broker = r, b })
				defer a.stop(t)
				a.echo.Pre(marked)
				page, _ := a.fresh(t, "1")

				act(t, a, b)

				page.sees(t, "came")
				r.saw(t, []int{1}, traceparent)
				if !slices.Equal(r.requests, []any{"request"}) {
					t.Errorf("got the context of %v, want that of the request", r.requests)
				}
			})
		})
	}
}

func TestTraceOfAnEventThatItsTransactionRefusesHasTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b := &tracer{trace: traceparent}, newTxBroker()
		a := newApp(t, func(c *pull.Config) { c.Trace, c.Broker = r, b })
		defer a.stop(t)

		err := a.SendTx(t.Context(), &fakeTx{err: errBroker}, pull.User("1"), event("lost", nil))

		if !errors.Is(err, errBroker) || len(r.settled) != 1 || !errors.Is(r.settled[0], errBroker) {
			t.Errorf("got %v, and %v for the tracer, want %v", err, r.settled, errBroker)
		}
	})
}

// The log can hold each event that Send accepts, with its trace.
func TestTraceCountsAsAPartOfTheEvent(t *testing.T) {
	largest := func(trace pull.Tracer) (n int) {
		synctest.Test(t, func(t *testing.T) {
			a := newApp(t, func(c *pull.Config) { c.Broker, c.Trace = new(limitedLog), trace })
			defer a.stop(t)
			for a.Send(t.Context(), pull.User("1"), event("e", strings.Repeat("x", n+1))) == nil {
				n++
			}
		})
		return n
	}
	if without, with := largest(nil), largest(&tracer{trace: traceparent}); without-with != 56 {
		t.Errorf("params of %d bytes fit without a trace, and of %d with one, want 56 less", without, with)
	}
}

// A page that gets so much at once that it reads the window itself counts, too.
func TestTraceCountsPagesThatGetABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &tracer{trace: traceparent}
		a := newApp(t, func(c *pull.Config) { c.Trace = r })
		defer a.stop(t)
		a.echo.POST("/act", pull.Handler(func(c pull.Context) error {
			for range 20 {
				if err := c.Pull().Send(pull.User("1"), event("part", map[string]string{"x": strings.Repeat("x", 60_000)})); err != nil {
					return err
				}
			}
			return c.NoContent(http.StatusNoContent)
		}))
		page, _ := a.fresh(t, "1")

		a.act(t)

		page.sees(t, slices.Repeat([]string{"part"}, 20)...)
		r.saw(t, []int{20}, traceparent)
		if r.pages != 1 {
			t.Errorf("got %d pages, want 1", r.pages)
		}
	})
}

// The relay of transactions passes on whatever SendTx has accepted.
func TestLargestTracedEventOfATransactionLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := new(txTable)
		a := newApp(t, func(c *pull.Config) {
			c.Broker, c.TxOutbox, c.Trace = new(limitedLog), table, &tracer{trace: traceparent}
		})
		defer a.stop(t)
		page, _ := a.fresh(t, "1")
		var largest *fakeTx
		for n := 0; ; n++ {
			tx := table.begin()
			if a.SendTx(t.Context(), tx, pull.User("1"), event("large", map[string]string{"x": strings.Repeat("x", n)})) != nil {
				break
			}
			largest = tx
		}

		largest.commit()

		pass(2 * time.Second) // the next poll of the relay
		page.sees(t, "large")
	})
}
