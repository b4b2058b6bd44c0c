package pull_test

import (
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// The updates of the overview are for those who look, now. They take no room from what
// pages that are away need, and the numbers do not contain them.
func TestLookingAtTheOverviewTakesNothingFromPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, func(c *pull.Config) { c.WindowCount = 5 })
		defer a.stop(t)
		away := a.dial(t, "42", "")
		cursor := cursorAt(away.hello(t))
		_ = away.Close()
		send(t, a, pull.User("42"), "update")
		synctest.Wait()
		before := a.Stats()
		looker := a.dial(t, "root", "?watch="+url.QueryEscape(grantOn(t, a.inspect(t, ""))))
		looker.hello(t)

		start := time.Now()
		for time.Since(start) < time.Minute {
			looker.event(t)
		}

		after := a.Stats()
		if after.Messages != before.Messages || after.WindowMessages != before.WindowMessages || after.FirstWrite.Count() != before.FirstWrite.Count() {
			t.Errorf("after a minute of looking: %d messages, %d of them in the window, and %d first writes; want %d, %d, %d as before",
				after.Messages, after.WindowMessages, after.FirstWrite.Count(), before.Messages, before.WindowMessages, before.FirstWrite.Count())
		}
		back := a.dial(t, "42", "?cursor="+url.QueryEscape(cursor))
		if h := back.hello(t); h.Params["recovered"] != true {
			t.Fatal("the page that was away is notified of a gap, because somebody has looked")
		}
		if m := back.event(t); m.Command != "update" {
			t.Errorf("the page that was away got %+v, want its event", m)
		}
	})
}
