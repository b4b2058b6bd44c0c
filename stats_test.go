package pull_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// nonzero returns the counters that are not 0.
func nonzero(counts map[string]uint64) map[string]uint64 {
	found := maps.Clone(counts)
	maps.DeleteFunc(found, func(_ string, n uint64) bool { return n == 0 })
	return found
}

// counts fails the test unless exactly these counters are not 0.
func counts(t *testing.T, what string, got map[string]uint64, want map[string]uint64) {
	t.Helper()
	if got := nonzero(got); !maps.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// An exporter shows every counter from the start.
func TestStatsHaveEveryKeyFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)

		s := a.Stats()

		for what, test := range map[string]struct{ got, want int }{
			"Transports": {len(s.Transports), 3}, "Refused": {len(s.Refused), 17}, "CutBy": {len(s.CutBy), 10},
			"GapsBy": {len(s.GapsBy), 7}, "Pushes": {len(s.Pushes), 6},
			"LogLag.Counts": {len(s.LogLag.Counts), 15}, "FirstWrite.Bounds": {len(s.FirstWrite.Bounds), 14},
		} {
			if test.got != test.want {
				t.Errorf("%s has %d entries, want %d", what, test.got, test.want)
			}
		}
		if s.Node == "" || s.Nodes != 1 || s.Epoch == "" || s.Offset != 1 {
			t.Errorf("got node %q of %d, at %q %d; want one node that has read its own hello", s.Node, s.Nodes, s.Epoch, s.Offset)
		}
		s.Refused["origin"], s.Transports["sse"] = 7, 7
		if again := a.Stats(); again.Refused["origin"] != 0 || again.Transports["sse"] != 0 {
			t.Error("the maps are not the caller's own")
		}
	})
}

func TestSessionsAreCountedByTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		want := func(socket, sse, html int) {
			t.Helper()
			synctest.Wait()
			if got := a.Stats().Transports; got["websocket"] != socket || got["sse"] != sse || got["html"] != html {
				t.Errorf("got %v, want %d, %d and %d", got, socket, sse, html)
			}
		}
		a.dial(t, "1", "").hello(t)
		p := a.dial(t, "1", "")
		p.hello(t)
		s := a.stream(t, "1", "")
		h := a.html(t, "1", "")
		want(2, 1, 1)

		s.close()
		quit(p)

		want(1, 0, 1)
		h.close()
		want(1, 0, 0)
	})
}

func TestReplayedMessagesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p, at := a.fresh(t, "1")
		p.leave()
		for range 3 {
			send(t, a, pull.User("1"), "missed")
			send(t, a, pull.User("2"), "noise")
		}

		a.resume(t, "1", at).sees(t, "missed", "missed", "missed")

		if s := a.Stats(); s.Recovered != 1 || s.Replayed != 3 {
			t.Errorf("got %d recoveries with %d messages, want 1 with 3", s.Recovered, s.Replayed)
		}
	})
}

func TestOldestEventOfTheWindowIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.WindowAge = time.Minute })
		defer a.stop(t)
		if got := a.Stats().WindowOldest; got != 0 {
			t.Errorf("got %s for an empty window, want 0", got)
		}
		send(t, a, pull.User("1"), "x")
		pass(30 * time.Second)
		if got := a.Stats().WindowOldest; got != 30*time.Second {
			t.Errorf("got %s, want 30s", got)
		}
		pass(time.Minute)
		if got := a.Stats().WindowOldest; got != 0 {
			t.Errorf("got %s once the window is empty again, want 0", got)
		}
	})
}

func TestPushesAreCountedByOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, func(c *pull.Config) {
			c.PushAllow = func(_ context.Context, user string, _ pull.Event) bool { return user != "refused" }
		})
		defer a.stop(t)
		again := true
		notified.fail = func(user string, _ *pull.Notification) error {
			switch {
			case user == "failed":
				return errors.New("no")
			case user == "retried" && again:
				again = false
				return &pull.RetryError{Err: errors.New("later"), After: time.Second}
			}
			return nil
		}
		for _, user := range []string{"failed", "refused", "sent", "retried"} {
			sendEvent(t, a, pull.User(user), push("title", user))
		}
		sendEvent(t, a, pull.User("withdrawn"), push("title", "tag"))
		if err := a.Push().Withdraw(pull.User("withdrawn"), "tag"); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)

		counts(t, "pushes", a.Stats().Pushes, map[string]uint64{"failed": 1, "refused": 1, "sent": 2, "retried": 1, "withdrawn": 1})
	})
}
