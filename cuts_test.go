package pull_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

func TestCutsAreCountedByReason(t *testing.T) {
	for reason, act := range map[string]func(t *testing.T, a *app, p *page){
		"violation": func(t *testing.T, _ *app, p *page) {
			t.Helper()
			if err := p.WriteMessage(websocket.TextMessage, []byte("no JSON")); err != nil {
				t.Error(err)
			}
		},
		"flood": func(_ *testing.T, _ *app, p *page) {
			for range 50 {
				_ = p.WriteMessage(websocket.TextMessage, []byte(`{"seen":["1"]}`)) // fails once the page is closed
			}
		},
		"dead": func(_ *testing.T, _ *app, p *page) {
			_ = p.NetConn().Close()
		},
		"disconnect": func(t *testing.T, a *app, _ *page) {
			t.Helper()
			if err := a.Disconnect("42"); err != nil {
				t.Error(err)
			}
		},
		"shutdown": func(t *testing.T, a *app, _ *page) { t.Helper(); a.stop(t) },
		"": func(_ *testing.T, _ *app, p *page) { // the page leaves by itself
			_ = p.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(time.Second))
		},
	} {
		t.Run(reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				if reason != "shutdown" {
					defer a.stop(t)
				}
				p := a.dial(t, "42", "")
				p.hello(t)
				p.read()

				act(t, a, p)
				pass(10 * time.Second)

				want := map[string]uint64{reason: 1}
				delete(want, "")
				counts(t, "cut", a.Stats().CutBy, want)
				if s := a.Stats(); s.Sessions != 0 || s.Cut != 0 {
					t.Errorf("got %d sessions, and %d cut as too slow; want none", s.Sessions, s.Cut)
				}
			})
		})
	}
}

func TestPageThatDoesNotAnswerPingsIsCountedAsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.SetPingHandler(func(string) error { return nil })
		p.read()
		pass(2 * time.Minute)

		counts(t, "cut", a.Stats().CutBy, map[string]uint64{"dead": 1})
	})
}

func TestSlowPagesAreCountedByWhatWasSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.QueueBytes, c.EventBytes = 64<<10, 8<<10 })
		defer a.stop(t)
		a.stall(t, "1")
		for i := range 40 {
			sendEvent(t, a, pull.User("1"), event(strconv.Itoa(i), pad(4<<10)))
			synctest.Wait()
		}
		pass(time.Minute)

		counts(t, "cut", a.Stats().CutBy, map[string]uint64{"slow_queue": 1})
		if got := a.Stats().Cut; got != 1 {
			t.Errorf("got %d cut as too slow, want 1", got)
		}
	})
}

func TestGapsAreCountedByCause(t *testing.T) {
	for _, test := range []struct {
		cause  string
		cursor func(at string) string
	}{
		{"window", func(at string) string { return at }},
		{"epoch", func(string) string { return "other.1" }},
		{"ahead", func(at string) string { return at + "0000" }},
		{"malformed", func(string) string { return "-" }},
	} {
		for _, kind := range []string{"websocket", "stream", "html"} {
			t.Run(test.cause+"/"+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := newApp(t, func(c *pull.Config) { c.WindowCount = 10 })
					defer a.stop(t)
					p, at := a.fresh(t, "1")
					p.leave()
					for range 20 {
						send(t, a, pull.User("2"), "noise")
					}

					read, _ := carriers()[kind](t, a, "?cursor="+test.cursor(at))
					read()
					synctest.Wait()

					counts(t, "gaps", a.Stats().GapsBy, map[string]uint64{test.cause: 1})
					if s := a.Stats(); s.Gaps != 1 || s.Recovered != 0 {
						t.Errorf("got %d gaps and %d recoveries, want 1 and none", s.Gaps, s.Recovered)
					}
				})
			})
		}
	}
}

func TestGapsOfABrokenLogAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		a.fresh(t, "1")
		a.fresh(t, "2")
		before := a.Stats().Epoch

		f.newEpoch()
		pass(time.Minute)

		counts(t, "gaps", a.Stats().GapsBy, map[string]uint64{"broken_log": 2})
		if after := a.Stats().Epoch; after == before {
			t.Errorf("the epoch is still %q", after)
		}
	})
}
