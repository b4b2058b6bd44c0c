package pull_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

func TestDisconnectSessionEndsOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("phone", "42", "s1", 0)
		l.set("desk", "42", "s2", time.Hour)
		l.set("guest", "", "s3", 0)
		a := l.app(t, nil)
		defer a.stop(t)
		phone, tab, desk, guest := a.dial(t, "phone", ""), a.dial(t, "phone", ""), a.dial(t, "desk", "").read(), a.dial(t, "guest", "")

		for _, id := range []string{"s1", "s3"} {
			if err := a.DisconnectSession(id); err != nil {
				t.Error(err)
			}
		}

		for _, p := range []*page{phone, tab, guest} {
			p.isOver(t)
		}
		send(t, a, pull.User("42"), "update")
		desk.sees(t, "update")
		if err := a.DisconnectSession(""); err == nil {
			t.Error("of no session: got nil, want an error")
		}
	})
}

func TestNothingSentAfterTheEndReachesTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", 0)
		f := newFaults()
		a, b := l.app(t, f), l.app(t, f)
		defer a.stop(t)
		defer b.stop(t)
		r := b.dial(t, "key", "").read()
		synctest.Wait()
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold }) // so that all comes in one batch
		var done sync.WaitGroup
		done.Go(func() { send(t, a, pull.User("42"), "before") })
		synctest.Wait()
		done.Go(func() {
			if err := a.DisconnectSession("s1"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		done.Go(func() { send(t, a, pull.User("42"), "after") })
		synctest.Wait()
		close(hold)
		done.Wait()

		commands, _, err := r.wait()

		if strings.Contains(strings.Join(commands, " "), "after") || !websocket.IsCloseError(err, 4401) {
			t.Errorf("got %q and %v, want nothing after the end and close 4401", commands, err)
		}
	})
}

func TestDisconnectsAnswerWhenEveryNodeHasClosed(t *testing.T) {
	for name, end := range map[string]func(a *app) error{
		"session": func(a *app) error { return a.DisconnectSession("s1") },
		"user":    func(a *app) error { return a.Disconnect("42") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l accounts
				l.set("key", "42", "s1", time.Hour)
				f := newFaults()
				a, b, c := l.app(t, f), l.app(t, f), l.app(t, f)
				defer a.stop(t)
				defer b.stop(t)
				defer c.stop(t)
				r := b.dial(t, "key", "").read()
				synctest.Wait()
				start := time.Now()

				if err := end(a); err != nil {
					t.Error(err)
				}
				if got := b.Stats().Sessions; got != 0 && name == "session" {
					t.Errorf("%d sessions of the other node are left when the call returns", got)
				}
				if _, _, err := r.wait(); !websocket.IsCloseError(err, 4401, 4003) {
					t.Errorf("got %v, want it closed", err)
				}
				if time.Since(start) > 0 {
					t.Errorf("took %s, want no wait", time.Since(start))
				}
			})
		})
	}
}

func TestDisconnectNamesTheNodesThatDoNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Hour)
		f := newFaults()
		a := l.app(t, f)
		defer a.stop(t)
		dead := &peer{t: t, log: f, clock: time.Now}
		dead.say(kindBeat)
		r := a.dial(t, "key", "").read()
		start := time.Now()

		err := a.DisconnectSession("s1")

		if err == nil || !strings.Contains(err.Error(), "somebody") || time.Since(start) != 5*time.Second {
			t.Errorf("got %v after %s, want the node after 5s", err, time.Since(start))
		}
		r.isOver(t)
		pass(2 * time.Minute) // then the node counts as gone
		if err := a.DisconnectSession("s1"); err != nil {
			t.Errorf("got %v, want none: no other node is left", err)
		}
	})
}

func TestDisconnectDoesNotWaitForANodeThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		f := newFaults()
		a, b := l.app(t, f), l.app(t, f)
		defer a.stop(t)
		b.stop(t)
		start := time.Now()

		if err := a.DisconnectSession("s1"); err != nil || time.Since(start) > 0 {
			t.Errorf("got %v after %s, want none at once", err, time.Since(start))
		}
	})
}

func TestDisconnectReturnsWhenTheNodeIsShutDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		f := newFaults()
		a := l.app(t, f)
		dead := &peer{t: t, log: f, clock: time.Now}
		dead.say(kindBeat)
		start, result := time.Now(), make(chan error, 1)
		go func() { result <- a.DisconnectSession("s1") }()
		synctest.Wait()

		a.stop(t)

		if err := <-result; !errors.Is(err, pull.ErrClosed) || time.Since(start) > 0 {
			t.Errorf("got %v after %s, want ErrClosed at once", err, time.Since(start))
		}
	})
}

func TestDisconnectClosesHereWhileTheBrokerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Hour)
		f := newFaults()
		a := l.app(t, f)
		defer a.stop(t)
		r := a.dial(t, "key", "").read()
		f.set(func(f *faults) { f.err = errBroker })

		err := a.DisconnectSession("s1")

		if err == nil || !strings.Contains(err.Error(), "did not come back") {
			t.Errorf("got %v, want an error", err)
		}
		r.isOver(t)
		f.set(func(f *faults) { f.err = nil })
	})
}

func TestNodeThatStartsAMomentLaterKnowsTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Hour)
		f := newFaults()
		a := l.app(t, f)
		defer a.stop(t)
		if err := a.DisconnectSession("s1"); err != nil {
			t.Fatal(err)
		}
		pass(30 * time.Second)

		b := l.app(t, f)
		defer b.stop(t)

		if got := b.get(t, "/pull", userHeader, "key").StatusCode; got != http.StatusUnauthorized {
			t.Errorf("got %d, want 401", got)
		}
	})
}

// A minute after the end the application's own login decides, on a node that reads of the end
// only then, too.
func TestNodeThatStartsLaterLetsTheSessionIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Hour)
		f := newFaults()
		a := l.app(t, f)
		defer a.stop(t)
		if err := a.DisconnectSession("s1"); err != nil {
			t.Fatal(err)
		}
		pass(61 * time.Second)

		b := l.app(t, f)
		defer b.stop(t)

		b.dial(t, "key", "").hello(t)
	})
}

func TestRestartedNodeKnowsTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Hour)
		file := filepath.Join(t.TempDir(), "state")
		start := func() *app {
			return newApp(t, func(c *pull.Config) {
				c.User, c.Session, c.StateFile = nil, l.session, file
				c.WindowAge, c.WatchTTL = time.Second, time.Second
			})
		}
		a := start()
		if err := a.DisconnectSession("s1"); err != nil {
			t.Fatal(err)
		}
		for range 9 { // the window moves on without it
			send(t, a, pull.User("7"), "update")
			pass(5 * time.Second)
		}
		a.stop(t)
		a = start()
		defer a.stop(t)

		if got := a.get(t, "/pull", userHeader, "key").StatusCode; got != http.StatusUnauthorized {
			t.Errorf("got %d, want 401", got)
		}
	})
}

func TestRenewalReachesThePageOnAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Minute)
		f := newFaults()
		a, b := l.app(t, f), l.app(t, f)
		defer a.stop(t)
		defer b.stop(t)
		start := time.Now()
		p := a.dial(t, "key", "?client=me")
		p.asked(t)
		l.set("key", "42", "s1", time.Minute)

		if status, _ := b.renew(t, "key", "me"); status != http.StatusOK {
			t.Errorf("got %d, want 200", status)
		}
		p.isOver(t)
		near(t, "closed", start, 95*time.Second)
	})
}

// Both are on their way at the same time. Whichever the log has first, the ended session
// does not go on.
func TestRenewalAndEndThatRaceLeaveNoEndedSession(t *testing.T) {
	for _, endFirst := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var l accounts
			l.set("key", "42", "s1", time.Minute)
			f := newFaults()
			a, b := l.app(t, f), l.app(t, f)
			defer a.stop(t)
			defer b.stop(t)
			p := a.dial(t, "key", "?client=me")
			p.asked(t)
			l.set("key", "42", "s2", time.Hour)
			hold := make(chan struct{})
			f.set(func(f *faults) { f.hold = hold })
			var done sync.WaitGroup
			end := func() { _ = b.DisconnectSession("s2") }
			renew := func() { a.renew(t, "key", "me") } // this node does not know of the end yet
			if !endFirst {
				end, renew = renew, end
			}
			done.Go(end)
			synctest.Wait()
			done.Go(renew)
			synctest.Wait()
			close(hold)
			f.set(func(f *faults) { f.hold = nil })
			start := time.Now()

			p.isOver(t)
			done.Wait()
			if time.Since(start) > time.Second {
				t.Errorf("closed after %s, want at once", time.Since(start))
			}
		})
	}
}

// The page waits for a log that is behind it.
func TestPageThatIsConnectingDoesNotJoinAnEndedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Hour)
		a := l.app(t, nil)
		defer a.stop(t)
		_, at := a.fresh(t, "key")
		r := a.dial(t, "key", "?cursor="+at+"00").read()
		synctest.Wait()

		if err := a.DisconnectSession("s1"); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)

		if _, hellos, err := r.wait(); len(hellos) > 0 || !websocket.IsCloseError(err, 4401) {
			t.Errorf("got hellos %v and %v, want close 4401", hellos, err)
		}
	})
}

func TestEndInTheMiddleOfAReplayEndsTheReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Hour)
		a := l.app(t, nil)
		defer a.stop(t)
		r, at := a.fresh(t, "key")
		r.leave()
		synctest.Wait()
		const missed = 100
		for range missed {
			sendEvent(t, a, pull.User("42"), event("x", pad(30_000)))
		}
		p := a.dial(t, "key", "?cursor="+at) // it does not read yet
		p.hello(t)
		synctest.Wait()

		if err := a.DisconnectSession("s1"); err != nil {
			t.Fatal(err)
		}
		r = p.read()
		commands, _, err := r.wait()

		if len(commands) > missed/2 || !websocket.IsCloseError(err, 4401) {
			t.Errorf("got %d of %d messages and %v, want the first part and close 4401", len(commands), missed, err)
		}
	})
}

func TestGrantsEndWithTheSession(t *testing.T) {
	for user, key := range map[string]string{"42": "user", "": "guest"} {
		t.Run(key, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l accounts
				l.set(key, user, "s1", time.Hour)
				l.set("new", user, "s2", time.Hour)
				a := l.app(t, nil)
				defer a.stop(t)
				grant, cursor := a.granted(t, key, "A")
				p := a.dial(t, key, presenting(cursor, grant))
				p.grants(t)

				if err := a.DisconnectSession("s1"); err != nil {
					t.Fatal(err)
				}

				p.isOver(t)
				if got := a.Watch().Pages("A"); got != 0 {
					t.Errorf("%d pages watch, want none", got)
				}
				p = a.dial(t, "new", presenting(cursor, grant))
				if state := p.grants(t)[grant].State; state != "foreign" {
					t.Errorf("got %q from another session, want foreign", state)
				}
			})
		})
	}
}

func TestGrantInForceIsRenewedForTheNextSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Minute)
		a := l.app(t, nil)
		defer a.stop(t)
		grant, cursor := a.granted(t, "key", "A")
		other, _ := a.granted(t, "key", "B")
		p := a.dial(t, "key", strings.Replace(presenting(cursor, grant), "?", "?client=me&", 1))
		renewed := p.grants(t)[grant].Grant
		l.set("key", "42", "s2", time.Hour)
		a.renew(t, "key", "me")

		state, next := p.watches(t, renewed)
		foreign, _ := p.watches(t, other)
		again := a.dial(t, "key", presenting(cursor, next))

		if state != "ok" || foreign != "foreign" {
			t.Errorf("got %q and %q, want ok for the one in force and foreign for the other", state, foreign)
		}
		if state := again.grants(t)[next].State; state != "ok" {
			t.Errorf("got %q in the next session, want ok", state)
		}
	})
}

func TestSessionIDIsNotInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const id = "very-secret-cookie"
		var l accounts
		l.set("key", "42", id, time.Minute)
		f := newFaults()
		var mu sync.Mutex
		var published strings.Builder
		f.rewrite(func(raw []byte) {
			mu.Lock()
			defer mu.Unlock()
			published.Write(raw)
		})
		a := l.app(t, f)
		defer a.stop(t)
		p := a.dial(t, "key", "?client=me")
		p.hello(t)
		a.renew(t, "key", "me")
		if err := a.DisconnectSession(id); err != nil {
			t.Fatal(err)
		}

		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(published.String(), id) || published.Len() == 0 {
			t.Error("the log has the id of the session")
		}
	})
}

func TestSessionsInParallel(t *testing.T) {
	var l accounts
	a := l.app(t, nil)
	defer a.stop(t)
	var pages sync.WaitGroup
	for i := range 8 {
		pages.Go(func() {
			key := string(rune('a' + i))
			for range 5 {
				l.set(key, "42", key+time.Now().String(), time.Hour)
				id := l.idOf(key)
				p := a.dial(t, key, "?client="+key)
				p.hello(t)
				a.renew(t, key, key)
				send(t, a, pull.User("42"), "update")
				if err := a.DisconnectSession(id); err != nil {
					t.Error(err)
				}
				p.isOver(t)
			}
		})
	}
	pages.Wait()
}

func (l *accounts) idOf(key string) string {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.of[key].ID
}
