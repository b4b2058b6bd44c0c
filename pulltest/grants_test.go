package pulltest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

// grantFor returns a guest's grant of a tag.
func grantFor(t *testing.T, p *pull.Plugin, tag string) string {
	t.Helper()
	text, err := p.Grant(echo.New().NewContext(post(""), nil), tag)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// presents returns a request about grants.
func presents(what string, grants ...string) map[string]any { return map[string]any{what: grants} }

// A page presents what its grants were renewed to, as a browser does.
func TestPageThatReturnsWatchesWhatItsGrantsPermit(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{Guests: true})
		page := pulltest.Open(t, p, "")
		a, b := grantFor(t, p, "A"), grantFor(t, p, "B")
		page.Request(t, presents("watch", a, b))
		page.Request(t, presents("unwatch", b))
		for range 3 {
			page.Drop()
			send(t, p, pull.Tag("A"), "meanwhile")
			send(t, p, pull.Tag("B"), "ended")

			page.Return()

			page.Expect(t, "tasks", "meanwhile", nil)
			send(t, p, pull.Tag("A"), "after")
			page.Expect(t, "tasks", "after", nil)
			page.Refute(t, "tasks", "ended")
			page.RefuteGap(t)
		}
		page.Request(t, presents("unwatch", a))
		page.Drop()
		page.Return()
		send(t, p, pull.Tag("A"), "ended")
		page.Refute(t, "tasks", "ended")
	})
}

// A grant that the server has not answered is presented after the handshake.
func TestPageThatReturnsPresentsGrantsOfWhileItWasAway(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{Guests: true})
		page := pulltest.Open(t, p, "")
		a, b := grantFor(t, p, "A"), grantFor(t, p, "B")
		page.Drop()
		page.Request(t, presents("watch", a))
		send(t, p, pull.Tag("A"), "missed")

		page.Return()

		page.ExpectGap(t)
		page.Refute(t, "tasks", "missed")
		send(t, p, pull.Tag("A"), "after")
		page.Expect(t, "tasks", "after", nil)
		page.Drop()
		page.Request(t, presents("watch", b))
		page.Return()
		page.RefuteGap(t)
	})
}

// A grant that was refused is not presented again.
func TestPageThatReturnsLeavesOutRefusedGrants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{Guests: true, GrantTTL: time.Hour})
		page := pulltest.Open(t, p, "")
		a := grantFor(t, p, "A")
		page.Request(t, presents("watch", a))
		page.Expect(t, "pull", "grants", nil)
		page.Drop()
		<-time.After(2 * time.Hour)

		page.Return()

		var states map[string]struct{ State string }
		page.Expect(t, "pull", "grants", &states)
		for _, answer := range states {
			if answer.State != "expired" {
				t.Errorf("got %v, want that the grant has expired", states)
			}
		}
		page.Drop()
		page.Return()
		page.Refute(t, "pull", "grants")
	})
}
