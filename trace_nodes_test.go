package pull_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// Each node delivers what another has published, with its trace. A node without a tracer
// delivers it, too.
func TestTraceReachesAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		ra, rb := &tracer{trace: traceparent}, &tracer{}
		a := newApp(t, func(c *pull.Config) { c.Broker, c.Trace = f, ra })
		defer a.stop(t)
		b := newApp(t, func(c *pull.Config) { c.Broker, c.Trace = f, rb })
		defer b.stop(t)
		without := f.node(t)
		defer without.stop(t)
		pages := []*reading{}
		for _, node := range []*app{a, b, without} {
			page, _ := node.fresh(t, "1")
			pages = append(pages, page)
		}

		send(t, a, pull.User("1"), "traced")
		synctest.Wait()
		send(t, without, pull.User("1"), "untraced")

		for _, page := range pages {
			page.sees(t, "traced", "untraced")
		}
		ra.saw(t, []int{1}, traceparent)
		rb.saw(t, nil, traceparent)
		if ra.pages != 1 || rb.pages != 1 {
			t.Errorf("got %d and %d pages, want one on each node", ra.pages, rb.pages)
		}
	})
}

// The trace never leaves the nodes, and a replay is no delivery.
func TestTraceOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, file := &tracer{trace: traceparent}, filepath.Join(t.TempDir(), "state")
		start := func() *app {
			return newApp(t, func(c *pull.Config) { c.Trace, c.StateFile = r, file })
		}
		a := start()
		page, at := a.fresh(t, "1")
		send(t, a, pull.User("1"), "traced")
		page.sees(t, "traced")
		a.stop(t)
		r.saw(t, []int{1}, traceparent)

		a = start()
		defer a.stop(t)

		a.resume(t, "1", at).sees(t, "traced")
		r.saw(t, []int{1}, traceparent)
	})
}

func TestPagesDoNotGetTheTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.Trace = &tracer{trace: traceparent} })
		defer a.stop(t)
		page := a.dial(t, "1", "")
		page.hello(t)

		send(t, a, pull.User("1"), "came")

		if frame := page.frame(t, "came"); strings.Contains(frame, traceparent) {
			t.Errorf("got %s, want no trace", frame)
		}
		quit(page)
	})
}

// A panicking tracer panics in one of its functions.
type panicking struct{ in string }

func (p panicking) Publish(context.Context, int) (string, func(error)) {
	p.panicIn("Publish")
	return traceparent, func(error) { p.panicIn("settled") }
}

func (p panicking) Deliver(time.Time, []string, int) { p.panicIn("Deliver") }

func (p panicking) panicIn(name string) {
	if p.in == name {
		panic(name)
	}
}

func TestTracerThatPanicsHarmsNothing(t *testing.T) {
	for _, in := range []string{"Publish", "settled", "Deliver"} {
		t.Run(in, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reported reports
				b := newTxBroker()
				a := newApp(t, func(c *pull.Config) { c.Broker, c.Trace, c.OnError = b, panicking{in}, reported.add })
				defer a.stop(t)
				page, _ := a.fresh(t, "1")

				send(t, a, pull.User("1"), "one")
				tx := b.begin()
				if err := a.SendTx(t.Context(), tx, pull.User("1"), event("two", nil)); err != nil {
					t.Error(err)
				}
				tx.commit()
				pass(2 * time.Second)

				page.sees(t, "one", "two")
				if n := a.Stats().PublisherEvents; n != 0 {
					t.Errorf("%d events have places in the queue, want none", n)
				}
				if !reported.contain("pull: Trace panicked: " + in) {
					t.Errorf("got reports %v, want the panic", reported.list)
				}
			})
		})
	}
}

// A blocking tracer holds the deliveries of a node until it is released.
type blocking struct {
	tracer
	release chan struct{}
}

func (b *blocking) Deliver(time.Time, []string, int) { <-b.release }

// A tracer that blocks delays the deliveries of its node, and nothing else.
func TestTracerThatBlocksLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &blocking{tracer: tracer{trace: traceparent}, release: make(chan struct{})}
		a := newApp(t, func(c *pull.Config) { c.Trace = r })
		defer a.stop(t)
		page, _ := a.fresh(t, "1")

		send(t, a, pull.User("1"), "one")
		send(t, a, pull.User("1"), "two")
		synctest.Wait()
		late, _ := a.fresh(t, "2")
		send(t, a, pull.User("2"), "three")
		if got := a.Stats().Sessions; got != 2 {
			t.Errorf("got %d sessions, want 2", got)
		}
		close(r.release)

		page.sees(t, "one", "two")
		late.sees(t, "three")
	})
}
