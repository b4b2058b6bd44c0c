package pull_test

import (
	"slices"
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
		"epoch": func(_ *testing.T, _ *app, f *faults) { f.newEpoch() },
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
					t.Errorf("got reports %v, want one that says that the log broke", reported.list)
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

// The offsets of the new log begin below the position from which a watch of
// the old one counts.
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
