package pull_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

func TestBrokenLogIsTold(t *testing.T) {
	for name, fail := range map[string]func(*testing.T, *app, *faults){
		"hole": func(t *testing.T, a *app, f *faults) {
			f.set(func(f *faults) { f.lose = 1 })
			send(t, a, pull.User("1"), "lost")
		},
		"epoch":         func(_ *testing.T, _ *app, f *faults) { f.newEpoch() },
		"back":          func(_ *testing.T, _ *app, f *faults) { f.goBack(0) },
		"back a little": func(_ *testing.T, _ *app, f *faults) { f.goBack(2) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reported reports
				f := newFaults()
				a := newApp(t, func(c *pull.Config) { c.Broker, c.OnError = f, reported.add })
				defer a.stop(t)
				r, at := a.fresh(t, "1")
				send(t, a, pull.User("1"), "before")
				synctest.Wait()

				fail(t, a, f)
				pass(5 * time.Second)
				send(t, a, pull.User("1"), "after")

				commands, hellos, err := r.wait()
				if !slices.Equal(commands, []string{"before", "after"}) || err != nil {
					t.Errorf("got %q and %v, want before and after on one connection", commands, err)
				}
				if len(hellos) != 2 || hellos[1].Params["recovered"] != false {
					t.Fatalf("got hellos %v, want a second one with recovered false", hellos)
				}
				if !reported.contain("log broke") {
					t.Errorf("got reports %v, want one about the broken log", reported.list)
				}
				a.resume(t, "1", cursorAt(hellos[1])).sees(t, "after")
				old := a.dial(t, "1", "?cursor="+at).read()
				if _, hellos, _ := old.wait(); hellos[0].Params["recovered"] != false {
					t.Error("a cursor from before the break recovered")
				}
			})
		})
	}
}

// The offsets of the new log begin below the position from which a watch of the
// old log counts.
func TestWatchOutlivesItsLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		for range 100 {
			send(t, a, pull.User("9"), "noise")
		}
		grant(t, a, "1", "T")
		f.newEpoch()
		pass(time.Second)
		send(t, a, pull.User("9"), "first")
		synctest.Wait()
		p, at := a.fresh(t, "1")
		p.leave()
		send(t, a, pull.Tag("T"), "missed")

		r := a.resume(t, "1", at)

		r.sees(t, "missed")
	})
}

func TestErrorHandlerMayAskThePlugin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		var a *app
		asked := make(chan pull.Stats, 1)
		a = newApp(t, func(c *pull.Config) {
			c.Broker = f
			c.OnError = func(error) { asked <- a.Stats() }
		})
		defer a.stop(t)
		f.newEpoch()
		send(t, a, pull.User("1"), "x")

		if got := <-asked; got.Sessions != 0 {
			t.Errorf("%d sessions, want none", got.Sessions)
		}
	})
}

// A cursor from before the log went back must not be valid afterwards, however far
// the log gets.
func TestCursorFromBeforeTheLogWentBackIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		b := f.node(t)
		defer b.stop(t)
		defer a.stop(t)
		for range 10 {
			send(t, a, pull.User("9"), "noise")
		}
		gone, at := a.fresh(t, "1")
		gone.leave()
		f.goBack(3)
		pass(5 * time.Second)
		send(t, a, pull.User("1"), "otherwise-lost")
		for range 20 {
			send(t, a, pull.User("9"), "noise")
		}
		synctest.Wait()

		a.dial(t, "1", "?cursor="+at).read().learnsOfAGap(t)
		_, here := a.fresh(t, "1")
		send(t, a, pull.User("1"), "new")
		synctest.Wait()
		b.resume(t, "1", here).sees(t, "new") // the other node uses the same epoch for the log
	})
}

func TestBrokerThatBreaksItsContractIsReported(t *testing.T) {
	for name, wrong := range map[string]struct {
		epoch  string
		offset uint64
	}{
		"offset zero": {"log", 0}, "offset beyond what pages can hold": {"log", 1 << 53},
		"the largest offset": {"log", 1<<64 - 1}, "no epoch": {"", 1},
		"an epoch that no page can name": {"a\xff", 1}, "an endless epoch": {strings.Repeat("x", 256), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reported reports
				a := newApp(t, func(c *pull.Config) {
					c.Broker, c.OnError = &wrongBroker{epoch: wrong.epoch, offset: wrong.offset}, reported.add
				})
				defer func() { _ = a.Shutdown(t.Context()); a.server.close() }()
				pass(time.Second)

				if !reported.contain("broke its contract") {
					t.Errorf("got reports %v, want one about the broken contract", reported.list)
				}
				if got := a.get(t, "/pull", userHeader, "1").StatusCode; got != http.StatusServiceUnavailable {
					t.Errorf("a page gets %d, want 503", got)
				}
			})
		})
	}
}

// A wrongBroker delivers one message at an impossible position.
type wrongBroker struct {
	epoch  string
	offset uint64
}

func (*wrongBroker) Publish(context.Context, ...[]byte) error { return nil }

func (b *wrongBroker) Subscribe(ctx context.Context, _ time.Duration, deliver func(string, uint64, []byte)) error {
	deliver(b.epoch, b.offset, []byte("x"))
	<-ctx.Done()
	return nil
}

func TestLargestOffsetIsAPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		f.shift = 1<<53 - 100
		a := f.node(t)
		defer a.stop(t)
		gone, at := a.fresh(t, "1")
		gone.leave()
		send(t, a, pull.User("1"), "missed")
		synctest.Wait()

		a.resume(t, "1", at).sees(t, "missed")
	})
}

// The message that a node publishes when it notices a loss must not cause the next
// loss: a log may be so short that it holds only one message.
func TestLogThatLosesWhatIsSaidOfALossIsNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := &countedLog{Memory: &pull.Memory{Count: 1}}
		a := newApp(t, func(c *pull.Config) { c.Broker, c.OnError = short, func(error) {} })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		defer r.leave()
		a.echo.GET("/many", pull.Handler(func(c pull.Context) error {
			for range 20 {
				if err := c.Pull().Send(pull.User("1"), event("x", nil)); err != nil {
					return err
				}
			}
			return nil
		}))

		a.get(t, "/many")
		pass(time.Minute)

		if got := short.messages.Load(); got > 100 {
			t.Errorf("%d messages in a minute, want 100 at most", got)
		}
		if got := a.Presence().Users(); !slices.Equal(got, []string{"1"}) {
			t.Errorf("online are %q, want 1", got)
		}
	})
}

// A countedLog counts the published messages.
type countedLog struct {
	*pull.Memory
	messages atomic.Int64
}

func (c *countedLog) Publish(ctx context.Context, messages ...[]byte) error {
	c.messages.Add(int64(len(messages)))
	return c.Memory.Publish(ctx, messages...)
}
