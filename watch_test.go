package pull_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

func TestWatchEndsAtTheVerySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		grant(t, a, "42", "TASK_7")
		pass(32*time.Minute - time.Nanosecond)
		if got := a.Watch().Users("TASK_7"); !slices.Equal(got, []string{"42"}) {
			t.Errorf("just before the end the watchers are %v, want 42", got)
		}
		pass(time.Nanosecond)

		if got := a.Watch().Users("TASK_7"); len(got) != 0 {
			t.Errorf("at the end the watchers are %v, want none", got)
		}
		if got := a.Watch().Extend("42", "TASK_7"); got["TASK_7"] {
			t.Error("an ended watch was extended")
		}
		synctest.Wait()
		if got := a.Watch().Users("TASK_7"); len(got) != 0 {
			t.Errorf("extending has made the watchers %v, want none", got)
		}
	})
}

func TestExtensionGivesTheFullTimeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		grant(t, a, "42", "TASK_7")
		for range 4 {
			pass(31 * time.Minute)
			if got := a.Watch().Extend("42", "TASK_7", "TASK_8"); !got["TASK_7"] || got["TASK_8"] {
				t.Fatalf("Extend answers %v, want TASK_7 true and TASK_8 false", got)
			}
		}
		synctest.Wait()
		pass(32*time.Minute - time.Second)

		if got := a.Watch().Users("TASK_7"); !slices.Equal(got, []string{"42"}) {
			t.Errorf("watchers %v, want 42", got)
		}
	})
}

func TestTagReachesItsWatchersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p, q := a.dial(t, "42", ""), a.dial(t, "7", "")
		p.hello(t)
		q.hello(t)
		grant(t, a, "42", "TASK_7", "TASK_8")
		for _, m := range []struct {
			to      pull.Target
			command string
		}{
			{pull.Tag("TASK_7", "TASK_8").Or(pull.User("42")), "once"},
			{pull.Tag("TASK_7").Except("42"), "excepted"},
			{pull.Tag("TASK_9"), "nobody"},
			{pull.Shared(), "last"},
		} {
			send(t, a, m.to, m.command)
		}

		for _, want := range []string{"once", "last"} {
			if got := p.event(t).Command; got != want {
				t.Errorf("the watcher got %q, want %q", got, want)
			}
		}
		if got := q.event(t).Command; got != "last" {
			t.Errorf("the other got %q, want %q", got, "last")
		}
	})
}

func TestDeleteEndsWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		grant(t, a, "42", "A", "B", "C")

		if err := a.Watch().Delete("42", "A"); err != nil {
			t.Fatal(err)
		}
		if got := a.Watch().Extend("42", "A", "B", "C"); got["A"] || !got["B"] || !got["C"] {
			t.Errorf("after Delete of A the watches are %v", got)
		}
		if err := a.Watch().Delete("42"); err != nil {
			t.Fatal(err)
		}
		if got := a.Watch().Extend("42", "A", "B", "C"); got["A"] || got["B"] || got["C"] {
			t.Errorf("after Delete of all the watches are %v", got)
		}
		if got := a.Stats().Watches; got != 0 {
			t.Errorf("%d watches are left, want none", got)
		}
	})
}

func TestPageHearsItsTagFromTheRequestThatRenderedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.GET("/page", pull.Handler(func(c pull.Context) error {
			// Another user changes the task while the page is being rendered.
			if err := a.Send(t.Context(), pull.Tag("TASK_7"), event("before.the.grant", nil)); err != nil {
				return err
			}
			if err := c.Pull().Watch("TASK_7"); err != nil {
				return err
			}
			return c.String(http.StatusOK, c.Pull().Cursor())
		}))
		response := a.get(t, "/page", userHeader, "42")
		send(t, a, pull.Tag("TASK_7"), "before.the.connection")

		p := a.dial(t, "42", "?cursor="+text(response))

		if got := p.hello(t).Params["recovered"]; got != true {
			t.Errorf("recovered is %v, want true", got)
		}
		for _, want := range []string{"before.the.grant", "before.the.connection"} {
			if got := p.event(t).Command; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
}

func TestWatchOfARequestIsInForceOnReturn(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	var got []string
	a.echo.GET("/page", pull.Handler(func(c pull.Context) error {
		if err := c.Pull().Watch("TASK_7"); err != nil {
			return err
		}
		got = a.Watch().Users("TASK_7")
		return nil
	}))

	a.get(t, "/page", userHeader, "42")

	if !slices.Equal(got, []string{"42"}) {
		t.Errorf("watchers %v, want 42", got)
	}
}

func TestMalformedWatchesAreErrors(t *testing.T) {
	a := newApp(t, func(c *pull.Config) { c.MaxTagsPerUser, c.MaxUsersPerTag = 3, 2 })
	defer a.stop(t)
	for _, tc := range []struct {
		name string
		err  error
		want error
	}{
		{"empty tag", a.Watch().Add("42", ""), nil},
		{"long tag", a.Watch().Add("42", strings.Repeat("x", 256)), nil},
		{"guest", a.Watch().Add("", "A"), pull.ErrGuest},
		{"too many tags", a.Watch().Add("42", "A", "B", "C", "D"), pull.ErrTooManyWatches},
	} {
		if tc.err == nil || tc.want != nil && !errors.Is(tc.err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, tc.err, tc.want)
		}
	}
	if err := errors.Join(a.Watch().Add("1", "A"), a.Watch().Add("2", "A")); err != nil {
		t.Fatal(err)
	}
	if err := a.Watch().Add("3", "A"); !errors.Is(err, pull.ErrTooManyWatches) {
		t.Errorf("third watcher: got %v, want ErrTooManyWatches", err)
	}
	if err := a.Watch().Add("2", "A"); err != nil {
		t.Errorf("extending at the bound: %v", err)
	}
	if got := a.Watch().Users("A"); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("watchers %v, want 1 and 2", got)
	}
}

func TestBoundsOfWatchesCountEachThatIsInForceOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) {
			c.MaxTagsPerUser, c.MaxUsersPerTag, c.WatchTTL = 1, 1, time.Second
		})
		defer a.stop(t)
		if err := a.Watch().Add("1", "A", "A"); err != nil {
			t.Errorf("one tag, named twice: got %v, want nil", err)
		}
		pass(time.Second) // the watch has expired

		if err := a.Watch().Add("1", "B"); err != nil {
			t.Errorf("another tag: got %v, want nil", err)
		}
		if err := a.Watch().Add("2", "A"); err != nil {
			t.Errorf("another user: got %v, want nil", err)
		}
		for user, tag := range map[string]string{"1": "C", "3": "A"} {
			if err := a.Watch().Add(user, tag); !errors.Is(err, pull.ErrTooManyWatches) {
				t.Errorf("user %s, tag %s: got %v, want %v", user, tag, err, pull.ErrTooManyWatches)
			}
		}
	})
}

func TestWatchesInParallel(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	var users sync.WaitGroup
	for user := range 8 {
		users.Go(func() {
			id := strconv.Itoa(user)
			for i := range 50 {
				tag := fmt.Sprint("TAG_", i%5)
				if err := a.Watch().Add(id, tag, "ALL"); err != nil {
					t.Error(err)
				}
				if !a.Watch().Extend(id, tag)[tag] {
					t.Errorf("user %s does not watch %s", id, tag)
				}
				a.Watch().Users("ALL")
				if err := a.Watch().Delete(id, tag); err != nil {
					t.Error(err)
				}
			}
		})
	}
	users.Wait()

	if got := len(a.Watch().Users("ALL")); got != 8 {
		t.Errorf("%d watchers of ALL, want 8", got)
	}
}

// A log that has dropped the grants of watches that still live makes a new node
// notify pages of a gap, because their events may miss them.
func TestNodeThatMayLackWatchesNotifiesOfAGap(t *testing.T) {
	for name, c := range map[string]struct {
		age       time.Duration // of the first message that the log has
		recovered bool
		reports   int
	}{
		"trimmed":     {10 * time.Minute, false, 1},
		"long enough": {40 * time.Minute, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				a := f.node(t)
				defer a.stop(t)
				pass(time.Hour)
				last := uint64(f.count())
				pass(c.age)
				f.set(func(f *faults) { f.trimmed = last })
				var reports reports
				b := newApp(t, func(config *pull.Config) { config.Broker, config.OnError = f, reports.add })
				defer b.stop(t)
				_, cursor := b.fresh(t, "1")

				hello := b.dial(t, "1", "?cursor="+cursor).hello(t)

				if got := hello.Params["recovered"]; got != c.recovered {
					t.Errorf("got recovered %v, want %v", got, c.recovered)
				}
				if n := reports.count("the log begins"); n != c.reports {
					t.Errorf("got %d reports, want %d", n, c.reports)
				}
			})
		})
	}
}
