package pull_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// within returns the number of durations in the bucket that ends with a bound.
func within(t *testing.T, h pull.Histogram, seconds float64) uint64 {
	t.Helper()
	for i, bound := range h.Bounds {
		if bound == seconds {
			return h.Counts[i]
		}
	}
	t.Fatalf("no bucket ends with %g s", seconds)
	return 0
}

// The lag is that of the requests, whatever the number of their events.
func TestLogLagIsMeasuredForEachRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		a.fresh(t, "1")
		a.withEvents(3)
		f.set(func(f *faults) { f.err = errBroker })
		before := a.Stats()
		a.do(t, http.MethodPost, "/events", "", userHeader, "1")
		pass(3 * time.Second)
		f.set(func(f *faults) { f.err = nil })
		pass(10 * time.Second)

		s := a.Stats()

		for what, h := range map[string]pull.Histogram{"LogLag": s.LogLag, "FirstWrite": s.FirstWrite} {
			if n := within(t, h, 5); n != 1 || h.Sum < 3 || h.Sum > 5 {
				t.Errorf("%s: got %d between 2.5 and 5 s, and a sum of %g s; want one request of more than 3 s, with three events", what, n, h.Sum)
			}
		}
		if got := s.FirstWrite.Count() - before.FirstWrite.Count(); got != 1 {
			t.Errorf("FirstWrite counts %d, want 1", got)
		}
		if s.PublishFailures < 5 || s.PublishRetries < 5 || s.PublishFailures > 20 {
			t.Errorf("got %d failures and %d retries in three seconds, want a few", s.PublishFailures, s.PublishRetries)
		}
	})
}

// withEvents adds a route that sends events to user 1.
func (a *app) withEvents(n int) {
	a.echo.POST("/events", pull.Handler(func(c pull.Context) error {
		for range n {
			if err := c.Pull().Send(pull.User("1"), event("x", nil)); err != nil {
				return err
			}
		}
		return c.NoContent(http.StatusNoContent)
	}))
}

func TestFirstWriteNeedsAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.withEvents(2)
		request := func() {
			a.do(t, http.MethodPost, "/events", "", userHeader, "1")
			synctest.Wait()
		}
		request()
		before := a.Stats()
		if n := before.FirstWrite.Count(); n != 0 {
			t.Errorf("got %d first writes without a page, want none", n)
		}
		a.fresh(t, "1")
		a.fresh(t, "1")

		request()
		request()

		s := a.Stats()
		if first, lag := s.FirstWrite.Count(), s.LogLag.Count()-before.LogLag.Count(); first != 2 || lag < 2 {
			t.Errorf("got %d first writes and %d lags for two requests and two pages, want 2 and 2", first, lag)
		}
	})
}

// Events of other nodes are not measured: their clocks may differ.
func TestLagIsThatOfTheOwnMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, b := f.node(t), f.node(t)
		defer b.stop(t)
		defer a.stop(t)
		b.fresh(t, "1")
		synctest.Wait()
		before := b.Stats()
		for range 5 {
			send(t, a, pull.User("1"), "x")
		}
		synctest.Wait()

		s := b.Stats()

		if first, lag := s.FirstWrite.Count(), s.LogLag.Count()-before.LogLag.Count(); first != 0 || lag != 0 {
			t.Errorf("got %d first writes and %d lags, want none of another node", first, lag)
		}
		if s.Nodes != 2 || s.Messages-before.Messages != 5 {
			t.Errorf("got %d nodes and %d messages, want 2 and 5", s.Nodes, s.Messages-before.Messages)
		}
	})
}
