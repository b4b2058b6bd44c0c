package pull_test

import (
	"bytes"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// inspectedNode returns a node with an inspector on a shared log.
func inspectedNode(t *testing.T, log pull.Broker) *app {
	t.Helper()
	return newInspected(t, func(c *pull.Config) { c.Broker, c.Secret = log, bytes.Repeat([]byte("s"), 32) })
}

// looking returns the query with which a page of an overview connects.
func (a *app) looking(t *testing.T) string {
	t.Helper()
	return "?watch=" + url.QueryEscape(grantOn(t, a.inspect(t, "")))
}

// sendsUpdates reports whether anything but signs of life enters the log within a minute.
func (a *app) sendsUpdates() bool {
	before := a.Stats().Offset
	pass(time.Minute)
	return a.Stats().Offset-before > 10
}

func TestOverviewIsLiveOnAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, b := inspectedNode(t, f), inspectedNode(t, f)
		defer b.stop(t)
		defer a.stop(t)
		synctest.Wait()
		p := b.dial(t, "root", a.looking(t))
		p.hello(t)
		for range 20 { // longer than the page may take to connect
			if m := p.event(t); m.Command != "render" {
				t.Fatalf("got %+v, want a fragment", m)
			}
		}

		_ = p.Close()
		pass(40 * time.Second)
		if a.sendsUpdates() {
			t.Error("the node sends updates after the page has left the other one")
		}
	})
}

// A laptop is closed, or a tab is frozen: nothing says that nobody looks any more.
func TestUpdatesEndWithAPageThatIsDead(t *testing.T) {
	for name, connect := range map[string]func(*testing.T, *app, string){
		"that never reads": func(t *testing.T, a *app, query string) { _ = a.dial(t, "root", query) },
		"that never answers": func(t *testing.T, a *app, query string) {
			p := a.dial(t, "root", query)
			p.SetPingHandler(func(string) error { return nil })
			p.read()
		},
		"whose stream is blocked": func(t *testing.T, a *app, query string) { _ = a.stream(t, "root", query) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newInspected(t, nil)
				defer a.stop(t)
				connect(t, a, a.looking(t))
				if !a.sendsUpdates() {
					t.Error("no updates in the first minute")
				}
				pass(2 * time.Minute)
				if left := a.Stats().Sessions; left > 0 || a.sendsUpdates() {
					t.Errorf("%d pages, and updates for them, after three minutes", left)
				}
			})
		})
	}
}

func TestLookingCostsTheSameForManyAndForLong(t *testing.T) {
	for name, test := range map[string]struct {
		pages   int
		minutes uint64
	}{"many": {50, 1}, "long": {1, 10}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newInspected(t, func(c *pull.Config) { c.MaxSessionsPerUser = 200 })
				defer a.stop(t)
				for range test.pages {
					a.dial(t, "root", a.looking(t)).read()
				}
				synctest.Wait()
				before := a.Stats()

				pass(time.Duration(test.minutes) * time.Minute)

				after := a.Stats()
				if sent := after.Offset - before.Offset; sent < 29*test.minutes || sent > 34*test.minutes+1 { // and signs of life
					t.Errorf("%d messages in %d minutes, want one every two seconds", sent, test.minutes)
				}
				if after.WindowMessages > 0 || after.WindowBytes > 0 || after.Sessions != test.pages {
					t.Errorf("the window has %d messages with %d bytes, and %d pages look; want 0, 0, %d", after.WindowMessages, after.WindowBytes, after.Sessions, test.pages)
				}
			})
		})
	}
}

func TestShutdownDoesNotWaitForThoseWhoLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, nil)
		p := a.dial(t, "root", a.looking(t))
		p.hello(t)
		p.event(t)
		p.read()
		pass(time.Second)
		start := time.Now()
		a.stop(t)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("the shutdown took %s", took)
		}
	})
}

// The administrator looks because the log is out of reach. What is shown then must not wait
// for the log with the events of the application, nor come when it is old.
func TestLookingDuringAnOutageQueuesNothing(t *testing.T) {
	for name, fail := range map[string]func(*faults) (back func()){
		"refused": func(f *faults) (back func()) {
			f.set(func(f *faults) { f.err = errBroker })
			return func() { f.set(func(f *faults) { f.err = nil }) }
		},
		"blocked": (*faults).outOfReach,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				a := inspectedNode(t, f)
				defer a.stop(t)
				synctest.Wait()
				p := a.dial(t, "root", a.looking(t))
				p.hello(t)
				p.event(t)
				r := p.read()
				back := fail(f)
				pass(10 * time.Minute)
				waiting := a.Stats().PublisherEvents
				seen, _, _ := r.wait()
				before := f.count()

				back()
				pass(time.Second)

				late, _, _ := r.wait()
				if queued := f.count() - before; waiting > 0 || queued > 50 || len(late)-len(seen) > 3 { // and a sign of life every 20 s
					t.Errorf("%d events wait; when the log was back, it got %d messages, and the page %d updates; want none, 50 and 3 at most", waiting, queued, len(late)-len(seen))
				}
				pass(time.Minute)
				if now, _, _ := r.wait(); len(now)-len(late) < 15 {
					t.Errorf("%d updates in the minute after the outage, want one every two seconds", len(now)-len(late))
				}
			})
		})
	}
}
