package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/echo-pull/pull"
)

func TestUsersSeeEachOtherComeAndGo(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	ann := newPerson(t, "ann").open(t, s.url+"/page")
	ann.connected()
	bob := newPerson(t, "bob").open(t, s.url+"/page")
	bob.connected()

	ann.until(`online.includes("user_online bob")`)
	bob.until(`online.includes("online_list")`)
	bob.close()
	ann.until(`online.at(-1) === "user_offline bob"`)
}

func TestPageOfTheExampleCountsUsersWhomTheListDoesNotName(t *testing.T) {
	t.Parallel()
	page := newPerson(t, "ann").open(t, startExample(t).url+"/")
	page.connected()

	for _, list := range []struct{ users, want string }{
		{`{bob: {}, eve: {}}`, "ann|bob|eve|and 147 more"}, // ann is one of those whom the list only counts
		{`{ann: {}, bob: {}, eve: {}}`, "ann|bob|eve|and 147 more"},
	} {
		got := value[string](page, `page.online("online_list", {USERS: `+list.users+`, COUNT: 150}),
			[...document.querySelectorAll("#people li")].map((one) => one.textContent).join("|")`)
		if got != list.want {
			t.Errorf("the page shows %q, want %q", got, list.want)
		}
	}
}

// After the reload another user visits with the same grace. When that user goes
// offline, the grace of the reload is over too.
func TestReloadMakesNoNoise(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *pull.Config) { c.PresenceGrace = 5 * time.Second })
	ann := newPerson(t, "ann").open(t, s.url+"/page")
	ann.connected()
	bob := newPerson(t, "bob").open(t, s.url+"/page")
	bob.connected()
	ann.until(`online.includes("user_online bob")`)

	bob.must(chromedp.Reload())
	bob.connected()
	eve := newPerson(t, "eve").open(t, s.url+"/page")
	eve.connected()
	ann.until(`online.includes("user_online eve")`)
	eve.close()
	ann.until(`online.includes("user_offline eve")`)

	const want = "online_list,user_online bob,user_online eve,user_offline eve"
	if got := value[string](ann, `online.filter((change) => !change.endsWith(" ann")).join()`); got != want {
		t.Errorf("the page received %s, want %s", got, want)
	}
}

func TestWatchLivesAsLongAsItsPage(t *testing.T) {
	t.Parallel()
	const ttl = 6 * time.Second
	s := newSite(t, func(c *pull.Config) { c.WatchTTL = ttl })
	opened := time.Now()
	page := newPerson(t, "ann").open(t, s.url+"/page?watch=TASK_7")
	page.connected()
	watched := func() bool { return slices.Equal(s.current().Watch().Users("TASK_7"), []string{"ann"}) }

	eventually(t, "more than the watch's first life passes", func() bool {
		if !watched() {
			t.Fatalf("the watch ended after %s, with its page open", time.Since(opened))
		}
		return time.Since(opened) > ttl+ttl/2
	})
	s.send(pull.Tag("TASK_7"), 1)
	page.heard(1)
	page.close()

	eventually(t, "the watch ends without its page", func() bool { return !watched() })
}
