package e2e

import (
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// The page gets everything else, and shows the refusal.
func TestElementShowsThatItsGrantIsRefused(t *testing.T) {
	onEachTransport(t, func(t *testing.T, fault echo.MiddlewareFunc, _ ...string) {
		t.Helper()
		s := newWatchedSite(t, func(c *pull.Config) { c.GrantTTL = time.Second })
		s.breakWith(fault)
		expired, foreign := s.grantFor("ann", "A"), s.grantFor("bob", "A")
		began := time.Now()
		eventually(t, "the grant has expired", func() bool { return time.Since(began) > 2*time.Second })
		for state, grant := range map[string]string{
			"expired": expired,
			"forged":  "AQ" + foreign[2:len(foreign)-4] + "AAAA",
		} {
			page := newPerson(t, "ann").open(t, s.watched("A", "grant", grant))

			page.until(`document.querySelector("pull-watch[stale]:not([connected])")`)
			page.until(`errors.join() === "WATCH_ERROR ` + state + `"`)
			s.send(pull.Tag("A"), -1)
			s.send(pull.User("ann"), 1)
			page.heard(1)
			s.hasPages("A", 0)
		}
		lasting := newWatchedSite(t, nil) // however long the browser takes
		lasting.breakWith(fault)
		page := newPerson(t, "ann").open(t, lasting.watched("A", "grant", lasting.grantFor("", "A"))) // a guest's
		page.until(`errors.join() === "WATCH_ERROR foreign"`)
		page.until(`document.querySelector("pull-watch[stale]:not([connected])")`)
	})
}

// A page that stays longer than its grant would live has a renewed one.
func TestGrantIsRenewedWhileThePageIsConnected(t *testing.T) {
	onEachTransport(t, func(t *testing.T, fault echo.MiddlewareFunc, _ ...string) {
		t.Helper()
		const ttl = 5 * time.Second
		s := newWatchedSite(t, func(c *pull.Config) { c.GrantTTL, c.WatchTTL = ttl, time.Second })
		s.breakWith(fault)
		page := newPerson(t, "ann").open(t, s.watched("A"))
		page.isWatching()
		began := time.Now()
		eventually(t, "the grant has expired", func() bool { return time.Since(began) > ttl+2*time.Second })

		page.run("BX.PULL.stop()")
		s.hasPages("A", 0)
		s.send(pull.Tag("A"), 1)
		page.run("BX.PULL.start()")

		page.isWatching()
		s.send(pull.Tag("A"), 2)
		page.heard(1, 2)
		if errors := value[string](page, "errors.join()"); errors != "" {
			t.Errorf("the page has the errors %s, want none", errors)
		}
	})
}

func TestWatchedPageFromTheBackForwardCacheMissesNothing(t *testing.T) {
	onEachTransport(t, func(t *testing.T, fault echo.MiddlewareFunc, _ ...string) {
		t.Helper()
		s := newWatchedSite(t, nil)
		s.breakWith(fault)
		page := newPerson(t, "ann").open(t, s.watched("A"))
		page.isWatching()
		page.run(`window.shown = []
			addEventListener("pageshow", ({ persisted }) => shown.push(persisted))`)

		page.run(`location.assign("/elsewhere")`)
		page.until(`document.title === "elsewhere"`)
		s.hasPages("A", 0)
		s.send(pull.Tag("A"), 1)
		s.adds("A", "replaced", "k")
		s.adds("A", "away", "k")
		s.keeps(3)
		page.run("history.back()")

		page.until("window.shown?.at(-1) === true")
		page.isWatching()
		s.hasPages("A", 1, "ann")
		page.lists("away")
		s.send(pull.Tag("A"), 2)
		page.heard(1, 2)
	})
}

// htmx changes the content of the page and its address: what is shown is watched.
func TestHistoryOfHTMXWatchesWhatItShows(t *testing.T) {
	t.Parallel()
	for _, library := range []string{"htmx2", "htmx4"} {
		t.Run(library, func(t *testing.T) {
			t.Parallel()
			s := newWatchedSite(t, nil)
			page := newPerson(t, "ann").open(t, s.watched("A", "library", library))
			page.isWatching()
			shows := func(tag string) {
				t.Helper()
				for _, one := range []string{"A", "B", "C"} {
					if one != tag {
						s.hasPages(one, 0)
					}
				}
				s.hasPages(tag, 1, "ann")
				page.until(`document.querySelectorAll("pull-watch[connected]").length === 1`)
			}
			push := func(tag string) {
				t.Helper()
				page.run(`{
					document.querySelector("main").insertAdjacentHTML("beforeend", '<a id="go" hx-get="/watched?library=` + library + `&tag=` + tag + `" hx-target="main" hx-select="main" hx-swap="outerHTML" hx-push-url="true">go</a>')
					htmx.process(document.querySelector("#go"))
					document.querySelector("#go").click()
				}`)
				page.until(`location.search.includes("tag=` + tag + `")`)
				shows(tag)
			}
			push("B")
			push("C")
			page.run("history.back()")
			shows("B")
			page.run("history.back()")
			shows("A")
			page.run("history.forward()")
			shows("B")

			s.send(pull.Tag("A"), -1)
			s.send(pull.Tag("C"), -1)
			s.send(pull.Tag("B"), 1)
			page.until(`heard.join() === "1"`)
			if errors := value[string](page, "errors.join()"); errors != "" {
				t.Errorf("the page has the errors %s, want none", errors)
			}
		})
	}
}
