package pulltest_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

func TestLostHistoryIsAGap(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{}) // the error of the log does not fail the test
		page, away := pulltest.Open(t, p, "ann"), pulltest.Open(t, p, "ann")
		if err := p.Watch().Add("ann", "t"); err != nil {
			t.Fatal(err)
		}
		away.Drop()
		send(t, p, pull.Tag("t"), "before")

		pulltest.LoseHistory(t, p)

		page.Expect(t, "tasks", "before", nil)
		page.ExpectGap(t)
		page.RefuteGap(t) // there was one
		away.Return()
		away.ExpectGap(t)
		send(t, p, pull.Tag("t"), "after")
		page.Expect(t, "tasks", "after", nil)
		away.Expect(t, "tasks", "after", nil)
		away.Refute(t, "tasks", "before")
	})
}

// The log may be lost while it cannot be reached: the error that it is lost comes later.
func TestHistoryIsLostWhileTheBrokerFails(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		page := pulltest.Open(t, p, "ann")
		mend := pulltest.FailBroker(t, p, nil)

		pulltest.LoseHistory(t, p)
		mend()
		send(t, p, pull.User("ann"), "after")

		page.ExpectGap(t)
		page.Expect(t, "tasks", "after", nil)
	})
}

// A grant that comes late is a gap, as in a browser.
func TestLateGrantIsAGap(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{Guests: true})
		page := pulltest.Open(t, p, "")
		c := echo.New().NewContext(post(""), nil)
		grant, err := p.Grant(c, "ARTICLE_5")
		if err != nil {
			t.Fatal(err)
		}

		page.Request(t, map[string]any{"watch": []string{grant}})
		page.RefuteGap(t)
		page.Request(t, map[string]any{"unwatch": []string{grant}})
		send(t, p, pull.Tag("ARTICLE_5"), "between")
		page.RefuteGap(t)
		page.Request(t, map[string]any{"watch": []string{grant}})

		page.ExpectGap(t)
	})
}

// A gap that nobody has ordered fails the test.
func TestGapIsRefuted(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	page := pulltest.Open(t, p, "ann")
	pulltest.LoseHistory(t, p)

	got := record(func(t testing.TB) { page.RefuteGap(t) })

	if want := `pulltest: the page of user "ann" was notified of a gap`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHistoryOfAnotherLogCannotBeLost(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{Broker: wrapped{new(pull.Memory)}})

	got := record(func(t testing.TB) { pulltest.LoseHistory(t, p) })

	if want := "pulltest: LoseHistory needs the embedded log, Memory"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// wrapped is a log elsewhere, as far as the plugin knows.
type wrapped struct{ pull.Broker }

func TestEventsWaitForABrokerThatFails(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		for name, log := range map[string]pull.Broker{"embedded": nil, "elsewhere": wrapped{new(pull.Memory)}} {
			var mu sync.Mutex
			var reported []error
			p := pulltest.New(t, pull.Config{Broker: log, OnError: func(err error) {
				mu.Lock()
				defer mu.Unlock()
				reported = append(reported, err)
			}})
			e := newApp(p)
			page := pulltest.Open(t, p, "ann")
			do(e, "ann", http.MethodGet, "/tasks/7", nil)
			page.Refute(t, "m", "c") // the watch is in force
			mend := pulltest.FailBroker(t, p, errOfTest)
			status := 0

			sent := pulltest.Sent(t, p, func() { status = do(e, "bob", http.MethodPost, "/tasks/7", titled("Rest")).Code })

			sent.Only(t, pull.Tag("TASK_7"), updated("7", "Rest"))
			page.Refute(t, "tasks", "update")
			mend()
			mend() // has no effect
			page.Expect(t, "tasks", "update", nil)
			page.RefuteGap(t)
			mu.Lock()
			if status != http.StatusNoContent || len(reported) > 1 || len(reported) == 1 && !errors.Is(reported[0], errOfTest) {
				t.Errorf("%s: got status %d and %v, want 204 and the error of the test", name, status, reported)
			}
			mu.Unlock()
		}
	})
}

// In a bubble the publisher has certainly tried.
func TestFailingBrokerIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reported error
		p := pulltest.New(t, pull.Config{OnError: func(err error) { reported = err }})
		quiet := pulltest.New(t, pull.Config{}) // the test has ordered the error: it does not fail
		pulltest.FailBroker(t, p, nil)
		pulltest.FailBroker(t, quiet, errOfTest)
		for _, p := range []*pull.Plugin{p, quiet} {
			if err := p.Watch().Delete("ann"); err == nil {
				t.Error("the log has the end of a watch, want an error")
			}
		}

		synctest.Wait()

		if got, want := reported.Error(), "pull: publish: pulltest: the broker fails"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestQueueIsFull(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		e := newApp(p)
		page := pulltest.Open(t, p, "ann")
		if err := p.Watch().Add("ann", "TASK_7"); err != nil {
			t.Fatal(err)
		}
		empty := pulltest.FillQueue(t, p)
		status := 0

		sent := pulltest.Sent(t, p, func() { status = do(e, "ann", http.MethodPost, "/tasks/7", titled("Rest")).Code })

		sent.None(t)
		page.Refute(t, "tasks", "update")
		if err := p.Send(t.Context(), pull.Shared(), updated("7", "Rest")); status != http.StatusInternalServerError || !errors.Is(err, pull.ErrQueueFull) {
			t.Errorf("got status %d and %v, want 500 and ErrQueueFull", status, err)
		}
		empty()
		do(e, "ann", http.MethodPost, "/tasks/7", titled("Rest"))
		page.Expect(t, "tasks", "update", nil)
	})
}

// The plugin of a test that has left everything broken ends.
func TestFaultsEndWithTheTest(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		got := record(func(t testing.TB) {
			p := pulltest.New(t, pull.Config{})
			pulltest.Open(t, p, "ann")
			pulltest.FailBroker(t, p, errOfTest)
			pulltest.FillQueue(t, p)
		})

		if got != "" {
			t.Errorf("got %q, want no failure", got)
		}
	})
}

// Any error that the test has not ordered fails it.
func TestReportedErrorFailsTheTest(t *testing.T) {
	t.Parallel()
	got := record(func(t testing.TB) {
		p := pulltest.New(t, pull.Config{})
		do(newApp(p), strings.Repeat("x", 256), http.MethodGet, "/tasks/7", nil) // too long for a user
	})
	invalid := record(func(t testing.TB) { pulltest.New(t, pull.Config{WindowAge: -1}) })

	if want := "pulltest: Config.OnError got: pull: user id"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := "pulltest: pull: Config.WindowAge is negative"; invalid != want {
		t.Errorf("got %q, want %q", invalid, want)
	}
}

func TestPluginThatDoesNotEndFailsTheTest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		got := record(func(t testing.TB) {
			p := pulltest.New(t, pull.Config{OnOnline: func(string) { <-leave }})
			pulltest.Open(t, p, "ann").Refute(t, "m", "c")
		})
		close(leave)

		if want := "pulltest: the plugin did not end: pull: a hook"; !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
