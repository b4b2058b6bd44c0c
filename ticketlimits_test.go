package pull_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestTicketNeedsASecretThatNodesShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		var mu sync.Mutex
		a := newTokenApp(t, func(c *pull.Config) {
			c.Broker, c.Secret = newFaults(), nil
			c.OnError = func(err error) { mu.Lock(); defer mu.Unlock(); errs = append(errs, err) }
		})
		defer a.stop(t)
		for range 2 {
			pass(time.Hour)
			if got := a.do(t, http.MethodPost, ticketRoute, "", "Authorization", "Bearer token-of-42").StatusCode; got != http.StatusNotImplemented {
				t.Errorf("status %d, want 501", got)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), "Config.Secret") {
			t.Errorf("reported %v, want that Config.Secret is missing, once", errs)
		}
	})
}

func TestEmbeddedLogNeedsNoSecretForTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTokenApp(t, func(c *pull.Config) { c.Secret = nil })
		defer a.stop(t)
		_, _, p := a.enter(t, "ticket="+a.ticketOf(t, "42"))
		p.hello(t)
	})
}

// The next process cannot know which tickets the last one let in.
func TestTicketOfBeforeAnEmbeddedLogBeganIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTokenApp(t, nil)
		query := "ticket=" + a.ticketOf(t, "42")
		a.stop(t)

		b := newTokenApp(t, nil)
		defer b.stop(t)

		b.refused(t, query, http.StatusUnauthorized, "before this node has read the log")
		_, _, p := b.enter(t, "ticket="+b.ticketOf(t, "42"))
		p.hello(t)
	})
}

// With a state file, it does.
func TestTicketIsUsedOnceOverAPlannedRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := t.TempDir() + "/state"
		a := newTokenApp(t, func(c *pull.Config) { c.StateFile, c.Secret = file, nil })
		used, unused := "ticket="+a.ticketOf(t, "42"), "ticket="+a.ticketOf(t, "42")
		_, _, p := a.enter(t, used)
		p.hello(t)
		go p.drain()
		a.stop(t)

		b := newTokenApp(t, func(c *pull.Config) { c.StateFile, c.Secret = file, nil })
		defer b.stop(t)

		b.refused(t, used, http.StatusUnauthorized, "used before")
		_, _, p = b.enter(t, unused)
		p.hello(t)
	})
}

func TestTicketIsGoodOnEveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, b := tokenNode(t, f), tokenNode(t, f)
		defer b.stop(t)
		defer a.stop(t)
		query := "ticket=" + a.ticketOf(t, "42")
		_, _, p := b.enter(t, query)
		p.hello(t)

		a.refused(t, query, http.StatusUnauthorized, "used before")
		late := tokenNode(t, f) // reads the use in the log
		defer late.stop(t)
		late.refused(t, query, http.StatusUnauthorized, "used before")
	})
}

// tokenNode returns a node of newTokenApp.
func tokenNode(t *testing.T, log pull.Broker) *app {
	t.Helper()
	return newTokenApp(t, func(c *pull.Config) { c.Broker = log })
}

// Two handshakes with one ticket at the same moment: neither node knows of the other one
// when it lets the page in.
func TestOneOfTwoHandshakesAtOnceWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, b := tokenNode(t, f), tokenNode(t, f)
		defer b.stop(t)
		defer a.stop(t)
		synctest.Wait()
		wins := map[*app]int{}
		for range 100 {
			query := "ticket=" + a.ticketOf(t, "42")
			hold := make(chan struct{})
			f.set(func(f *faults) { f.hold = hold })
			statuses := make(chan *app, 4)
			for _, node := range []*app{a, b, a, b} {
				go func() {
					status, _, p := node.enter(t, query)
					if p != nil {
						defer func() { _ = p.Close() }()
					}
					if status != http.StatusSwitchingProtocols {
						node = nil
					}
					statuses <- node
				}()
			}
			synctest.Wait() // both nodes are about to publish
			f.set(func(f *faults) { f.hold = nil })
			close(hold)
			won := 0
			for range 4 {
				if node := <-statuses; node != nil {
					won++
					wins[node]++
				}
			}
			if won != 1 {
				t.Fatalf("%d handshakes have succeeded, want 1", won)
			}
			pass(time.Minute)
		}
		t.Logf("the nodes have won %d and %d times", wins[a], wins[b])
	})
}

// While the log is away, it is not known whether a ticket was used.
func TestHandshakeWithATicketWaitsForTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := tokenNode(t, f)
		defer a.stop(t)
		synctest.Wait()
		query := "ticket=" + a.ticketOf(t, "42")
		f.set(func(f *faults) { f.err = errBroker })

		a.refused(t, query, http.StatusServiceUnavailable, "the log cannot be reached")

		f.set(func(f *faults) { f.err = nil })
		pass(10 * time.Second)
		a.refused(t, query, http.StatusUnauthorized, "used before") // what was published later is the use
		_, _, p := a.enter(t, "ticket="+a.ticketOf(t, "42"))
		p.hello(t)
		if got := a.Stats().Sessions; got != 1 {
			t.Errorf("%d sessions, want 1", got)
		}
	})
}

func TestTicketOfADisconnectedUserIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, b := tokenNode(t, f), tokenNode(t, f)
		defer b.stop(t)
		defer a.stop(t)
		synctest.Wait()
		before := "ticket=" + a.ticketOf(t, "42")
		if err := a.Disconnect("42"); err != nil {
			t.Fatal(err)
		}

		for _, node := range []*app{a, b} {
			node.refused(t, before, http.StatusUnauthorized, "disconnected since")
			_, _, p := node.enter(t, "ticket="+b.ticketOf(t, "42")) // has logged in again
			p.hello(t)
		}
	})
}

func TestTicketHasTheSessionThatItWasIssuedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		node := func() *app {
			return newTokenApp(t, func(c *pull.Config) {
				c.Broker, c.User = f, nil
				c.Session = func(c echo.Context) (pull.Session, error) {
					user, ok := c.Get("user").(string)
					if !ok {
						return pull.Session{}, errors.New("no token")
					}
					return pull.Session{User: user, ID: "session of " + user, Until: time.Now().Add(time.Minute)}, nil
				}
			})
		}
		a, b := node(), node()
		defer b.stop(t)
		defer a.stop(t)
		synctest.Wait()
		_, _, p := b.enter(t, "client=abc&ticket="+a.ticketOf(t, "42"))
		p.hello(t)
		left := "ticket=" + a.ticketOf(t, "42")
		other := "ticket=" + a.ticketOf(t, "7")

		if err := a.DisconnectSession("session of 42"); err != nil {
			t.Fatal(err)
		}

		if code, _ := p.closed(t); code != 4401 {
			t.Errorf("closed with %d, want 4401", code)
		}
		a.refused(t, left, http.StatusUnauthorized, "disconnected since")
		b.refused(t, left, http.StatusUnauthorized, "disconnected since")
		if got := a.do(t, http.MethodPost, ticketRoute, "", "Authorization", "Bearer token-of-42").StatusCode; got != http.StatusUnauthorized {
			t.Errorf("status %d for a ticket of the session, want 401", got)
		}
		began := time.Now()
		_, _, p = b.enter(t, "client=abc&"+other)
		p.hello(t)
		if code, _ := p.closed(t); code != 4401 || time.Since(began) > time.Minute {
			t.Errorf("closed with %d after %s, want 4401 at the end of the session", code, time.Since(began))
		}
	})
}

func TestTicketEndsWithItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTokenApp(t, func(c *pull.Config) {
			c.User = nil
			c.Session = func(echo.Context) (pull.Session, error) {
				return pull.Session{User: "42", Until: time.Now().Add(10 * time.Second)}, nil
			}
		})
		defer a.stop(t)
		query := "ticket=" + a.ticketOf(t, "42")
		pass(10 * time.Second)

		a.refused(t, query, http.StatusUnauthorized, "session over")
	})
}
