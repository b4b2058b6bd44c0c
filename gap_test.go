package pull_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

func TestPageIsToldOfAGap(t *testing.T) {
	wide := func(*pull.Config) {}
	noise := func(n int, params any) func(*testing.T, *app) {
		return func(t *testing.T, a *app) {
			for range n {
				sendEvent(t, a, pull.User("2"), event("noise", params))
			}
		}
	}
	nothing := noise(1, nil)
	same := func(cursor string) string { return cursor }
	for _, test := range []struct {
		name      string
		configure func(*pull.Config)
		meanwhile func(*testing.T, *app)
		cursor    func(string) string
		recovered bool
	}{
		{"within the window", wide, nothing, same, true},
		{"over by age", func(c *pull.Config) { c.WindowAge = time.Minute }, func(t *testing.T, a *app) {
			send(t, a, pull.User("1"), "old")
			pass(2 * time.Minute)
		}, same, false},
		{"over by count", func(c *pull.Config) { c.WindowCount = 10 }, noise(11, nil), same, false},
		{"within count", func(c *pull.Config) { c.WindowCount = 10 }, noise(5, nil), same, true},
		{"over by bytes", func(c *pull.Config) { c.WindowBytes = 10_000 }, noise(11, pad(1000)), same, false},
		{"of another log", wide, nothing, func(string) string { return "other.1" }, false},
		{"of no log", wide, nothing, func(string) string { return "none.0" }, false},
		{"from the future", wide, nothing, func(c string) string { return c + "0000" }, false},
		{"from the near future", wide, nothing, func(c string) string { return strings.TrimRight(c, "0123456789") + "99" }, false},
		{"from the end of numbers", wide, nothing, func(c string) string {
			return strings.TrimRight(c, "0123456789") + "18446744073709551615"
		}, false},
		{"malformed", wide, nothing, func(string) string { return "-" }, false},
		{"without offset", wide, nothing, func(c string) string { return strings.TrimRight(c, "0123456789") }, false},
		{"negative", wide, nothing, func(c string) string { return strings.Replace(c, ".", ".-", 1) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, test.configure)
				defer a.stop(t)
				p, at := a.fresh(t, "1")
				p.leave()
				test.meanwhile(t, a)
				synctest.Wait()

				r := a.dial(t, "1", "?cursor="+test.cursor(at)).read()
				pass(2 * time.Second)
				send(t, a, pull.User("1"), "live")

				commands, hellos, _ := r.wait()
				if len(hellos) != 1 || hellos[0].Params["recovered"] != test.recovered {
					t.Errorf("got hellos %v, want one with recovered %t", hellos, test.recovered)
				}
				if !slices.Equal(commands, []string{"live"}) {
					t.Errorf("got %q, want what is sent after hello", commands)
				}
				if gaps := a.Stats().Gaps; (gaps == 1) == test.recovered {
					t.Errorf("got %d gaps in Stats", gaps)
				}
			})
		})
	}
}

// A page that replays more slowly than the window moves cannot receive all of it.
func TestReplayThatTheWindowOvertakesIsToldOfAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.QueueBytes, c.EventBytes, c.WindowCount = 64<<10, 8<<10, 100 })
		defer a.stop(t)
		gone, at := a.fresh(t, "1")
		epoch, _, _ := strings.Cut(at, ".")
		gone.leave()
		for i := range 90 {
			sendEvent(t, a, pull.User("1"), event(strconv.Itoa(i), pad(4<<10)))
		}
		p := a.dial(t, "1", "?cursor="+at) // not reading yet
		synctest.Wait()
		for range 200 {
			send(t, a, pull.User("2"), "noise")
		}
		synctest.Wait() // the window has moved

		commands, hellos, err := p.read().wait()

		if len(commands) == 90 {
			t.Fatal("everything was replayed: the test does not test")
		}
		if len(hellos) != 1 || !websocket.IsCloseError(err, 4001) {
			t.Errorf("got %d hellos and %v, want one and close 4001", len(hellos), err)
		}
		if cut := a.Stats().Cut; cut != 1 {
			t.Errorf("Stats counts %d cuts, want 1", cut)
		}
		counted(t, commands)
		back := a.dial(t, "1", "?cursor="+epoch+"."+strconv.Itoa(5+len(commands))).read()
		back.learnsOfAGap(t)
	})
}

// Watches that end while a page is behind are kept for it as for a page that is away,
// within the same bound.
func TestPageThatIsBehindIsNotifiedOfForgottenWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.QueueBytes, c.EventBytes = 64<<10, 8<<10 })
		defer a.stop(t)
		grant(t, a, "1", "T")
		gone, at := a.fresh(t, "1")
		gone.leave()
		for i := range 90 {
			sendEvent(t, a, pull.Tag("T"), event(strconv.Itoa(i), pad(4<<10)))
		}
		p := a.dial(t, "1", "?cursor="+at) // not reading yet
		synctest.Wait()
		for range 40 {
			if err := a.Watch().Delete("1", "T"); err != nil {
				t.Fatal(err)
			}
			grant(t, a, "1", "T")
		}
		synctest.Wait()

		commands, _, err := p.read().wait()

		if !websocket.IsCloseError(err, 4001) {
			t.Errorf("got %d events and %v, want close 4001", len(commands), err)
		}
		counted(t, commands)
		a.dial(t, "1", "?cursor="+at).read().learnsOfAGap(t)
	})
}

func TestPageThatMissedNothingIsToldNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.GET("/page", pull.Handler(func(c pull.Context) error {
			send(t, a, pull.Tag("T").Or(pull.User("1")), "one")
			r := a.resume(t, "1", c.Pull().Cursor())
			if err := c.Pull().Watch("T"); err != nil {
				return err
			}
			send(t, a, pull.Tag("T"), "two")
			r.sees(t, "one", "two")
			return c.NoContent(http.StatusNoContent)
		}))

		a.get(t, "/page", userHeader, "1")
	})
}

// The page reads everything that is sent to it. It must not be cut off because
// other users receive much between two ticks.
func TestIdlePageIsNotCutWhenTheWindowTurnsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.WindowCount, c.QueueBytes, c.EventBytes = 50, 64<<10, 8<<10 })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		for range 200 {
			send(t, a, pull.User("2"), "noise")
		}
		a.echo.GET("/burst", pull.Handler(func(c pull.Context) error {
			for i := range 20 { // more than a page's queue holds
				if err := c.Pull().Send(pull.User("1"), event(strconv.Itoa(i), pad(4<<10))); err != nil {
					return err
				}
			}
			return nil
		}))

		a.get(t, "/burst")

		commands, hellos, err := r.wait()
		counted(t, commands)
		if len(commands) != 20 || len(hellos) != 1 || err != nil || a.Stats().Cut != 0 {
			t.Errorf("got %d events, %d hellos, %v and %d cuts, want 20, one and none", len(commands), len(hellos), err, a.Stats().Cut)
		}
	})
}

// A late grant gives the page more messages than can be sent at once.
func TestLateGrantOfManyMessagesIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		b := f.node(t)
		defer b.stop(t)
		defer a.stop(t)
		a.withPage("T")
		synctest.Wait() // the nodes' own messages are in the log
		back := f.outOfReach()
		at := a.rendered(t, "1")
		synctest.Wait() // the grant is being published
		f.set(func(f *faults) { f.hold = nil })
		for range 5000 {
			send(t, b, pull.Tag("T"), "overtook")
		}
		r := a.resume(t, "1", at)
		back()
		synctest.Wait()

		commands, hellos, err := r.wait()
		if told := len(hellos) == 2 && hellos[1].Params["recovered"] == false; !told && len(commands) != 5000 || err != nil {
			t.Errorf("got %d of 5000 events, hellos %v and %v, want all or a gap", len(commands), hellos, err)
		}
	})
}

// Ended watches are remembered for pages that reconnect, but only to a limit.
func TestForgottenWatchesAreAGap(t *testing.T) {
	for name, rounds := range map[string]int{"remembered": 10, "forgotten": 40} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)
				gone, at := a.fresh(t, "1")
				gone.leave()
				for range rounds {
					grant(t, a, "1", "T")
					send(t, a, pull.Tag("T"), "heard")
					if err := a.Watch().Delete("1", "T"); err != nil {
						t.Fatal(err)
					}
					send(t, a, pull.Tag("T"), "unheard")
				}
				synctest.Wait()

				commands, hellos, _ := a.dial(t, "1", "?cursor="+at).read().wait()
				if told := hellos[0].Params["recovered"] == false; !told && len(commands) != rounds || told && rounds <= 10 {
					t.Errorf("got %d of %d events and notified of a gap: %t", len(commands), rounds, told)
				}
				if slices.Contains(commands, "unheard") {
					t.Error("got what was sent while there was no watch")
				}
				if name == "forgotten" {
					counts(t, "gaps", a.Stats().GapsBy, map[string]uint64{"behind": 1})
				}
			})
		})
	}
}

func TestExceptionsAndSendersAreLeftOutLiveAndReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		var many []string
		for i := range 2000 {
			many = append(many, strconv.Itoa(i))
		}
		live, at := a.fresh(t, "1999")
		other, _ := a.fresh(t, "other")
		send(t, a, pull.Shared().Except(many...), "many")
		send(t, a, pull.Shared().Except("1999"), "one")
		send(t, a, pull.Shared().Except("1"), "another")
		send(t, a, pull.Shared().Except(many...).Or(pull.User("1999")), "union")

		live.sees(t, "another", "union")
		other.sees(t, "many", "one", "another", "union")
		a.resume(t, "1999", at).sees(t, "another", "union")
	})
}
