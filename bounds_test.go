package pull_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// outOfReach makes the broker block all messages until back is called.
func (f *faults) outOfReach() (back func()) {
	hold := make(chan struct{})
	f.set(func(f *faults) { f.hold = hold })
	return func() {
		f.set(func(f *faults) { f.hold = nil })
		close(hold)
	}
}

func TestOneRequestCannotTakeTheWholeQueue(t *testing.T) {
	for name, take := range map[string]func(c pull.Context, i int) error{
		"events": func(c pull.Context, i int) error { return c.Pull().Send(pull.User("1"), event("x", i)) },
		"bytes": func(c pull.Context, _ int) error {
			return c.Pull().Send(pull.User("1"), event("x", pad(60_000)))
		},
		"watches": func(c pull.Context, i int) error { return c.Pull().Watch("T" + strconv.Itoa(i%100)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				a := f.node(t)
				defer a.stop(t)
				synctest.Wait()
				back := f.outOfReach()
				a.echo.GET("/greedy", pull.Handler(func(c pull.Context) error {
					for i := range 200_000 {
						if err := take(c, i); err != nil {
							return c.String(http.StatusOK, err.Error())
						}
					}
					return nil
				}))
				a.echo.GET("/modest", pull.Handler(func(c pull.Context) error {
					return errors.Join(c.Pull().Watch("T"), c.Pull().Send(pull.User("2"), event("x", nil)))
				}))

				greedy := text(a.get(t, "/greedy", userHeader, "1"))
				modest := a.get(t, "/modest", userHeader, "2")
				back()

				if greedy != pull.ErrOutboxFull.Error() {
					t.Errorf("the greedy request got %q, want %q", greedy, pull.ErrOutboxFull)
				}
				if modest.StatusCode != http.StatusOK {
					t.Errorf("the other one got %d %s, want 200", modest.StatusCode, text(modest))
				}
			})
		})
	}
}

func TestFlushMakesRoomInTheOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.GET("/long", pull.Handler(func(c pull.Context) error {
			for range 30_000 {
				err := c.Pull().Send(pull.User("1"), event("x", nil))
				if errors.Is(err, pull.ErrOutboxFull) {
					err = errors.Join(c.Pull().Flush(t.Context()), c.Pull().Send(pull.User("1"), event("x", nil)))
				}
				if err != nil {
					return err
				}
			}
			return c.NoContent(http.StatusNoContent)
		}))

		if got := a.get(t, "/long").StatusCode; got != http.StatusNoContent {
			t.Errorf("got %d, want 204", got)
		}
		synctest.Wait()
		if got := a.Stats().Messages; got != 30_000 {
			t.Errorf("got %d events, want 30000", got)
		}
	})
}

func TestControlMessagesAreBoundedWhileTheBrokerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker, c.MaxUsersPerTag = f, 1_000_000 })
		defer a.stop(t)
		synctest.Wait()
		back := f.outOfReach()
		a.echo.GET("/watch", pull.Handler(func(c pull.Context) error {
			if err := c.Pull().Watch("T"); err != nil {
				return c.String(http.StatusOK, err.Error())
			}
			return c.NoContent(http.StatusNoContent)
		}))
		for i := range 40_000 {
			_ = a.Disconnect(strconv.Itoa(i))
		}
		full := 0
		for i := range 30_000 {
			r, w := httptest.NewRequest(http.MethodGet, "/watch", nil), httptest.NewRecorder()
			r.Header.Set(userHeader, strconv.Itoa(i))
			if a.echo.ServeHTTP(w, r); w.Code == http.StatusOK {
				full++
			}
		}

		if waiting := a.Stats().PublisherEvents; waiting > 65_536 || full < 4_000 {
			t.Errorf("%d messages wait and %d watches were refused, want at most 65536 and the rest", waiting, full)
		}
		if err := a.Disconnect("one more"); !errors.Is(err, pull.ErrQueueFull) {
			t.Errorf("got %v for the disconnect that does not reach other nodes, want %v", err, pull.ErrQueueFull)
		}
		back()
	})
}

// Each call waits for its own message, not for a state that the other call ends.
func TestAddAndDeleteOfOneWatchAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		synctest.Wait()
		for range 20 {
			back := f.outOfReach()
			var calls sync.WaitGroup
			for _, call := range []func() error{
				func() error { return a.Watch().Add("1", "T") },
				func() error { return a.Watch().Delete("1", "T") },
				func() error { return a.Watch().Delete("1") },
				func() error { return a.Watch().Add("1", "T", "U") },
			} {
				calls.Go(func() {
					if err := call(); err != nil {
						t.Error(err)
					}
				})
			}
			pass(time.Second)
			back()
			began := time.Now()
			calls.Wait()
			if took := time.Since(began); took > time.Second {
				t.Fatalf("returned %s after the broker did", took)
			}
		}
	})
}

func TestPresenceIsBoundedWhileTheBrokerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker, c.PresenceGrace = f, -1 })
		b := f.node(t)
		defer b.stop(t)
		defer a.stop(t)
		synctest.Wait()
		before := f.count()
		back := f.outOfReach()
		for range 50 {
			for user := range 20 {
				r, _ := a.fresh(t, strconv.Itoa(user))
				r.leave()
			}
			synctest.Wait()
		}
		stays, _ := a.fresh(t, "stays")
		back()
		synctest.Wait()

		if said := f.count() - before; said > 60 {
			t.Errorf("%d messages for 1001 arrivals and 1000 departures of 21 users, want a few", said)
		}
		if got := b.Presence().Users(); len(got) != 1 || got[0] != "stays" {
			t.Errorf("the other node has %v online, want the user who stays", got)
		}
		stays.leave()
	})
}

func TestAddAndDeleteReturnWhenTheNodeKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		for _, step := range []struct {
			call func() error
			want int
		}{
			{func() error { return a.Watch().Add("1", "T") }, 1},
			{func() error { return a.Watch().Delete("1", "T") }, 0},
		} {
			back := f.outOfReach()
			time.AfterFunc(time.Second, back)
			if err := step.call(); err != nil {
				t.Fatal(err)
			}
			if got := a.Watch().Users("T"); len(got) != step.want {
				t.Errorf("got %v watching, want %d", got, step.want)
			}
		}
	})
}
