package e2e

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// inspect opens a page of the inspector.
func (s *site) inspect(path string) *tab {
	s.t.Helper()
	return newPerson(s.t, "root").open(s.t, s.url+"/admin/pull"+path)
}

// isLive is an expression for whether the overview is updated.
const isLive = `document.querySelector("#state").dataset.state === "live"`

// isLive waits until the overview is updated.
func (p *tab) isLive() {
	p.Helper()
	p.until(isLive)
}

// shown returns an expression for a number of the overview.
func shown(name string) string {
	return fmt.Sprintf(`Number([...document.querySelectorAll("#pull-live dt")].find((one) => one.textContent === %q).nextSibling.textContent.replaceAll(",", ""))`, name)
}

func TestInspectorIsLiveUntilItIsPaused(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	root := s.inspect("")
	root.isLive()

	s.send(pull.User("bob"), 1, 2, 3)

	root.until(shown("From the log") + " >= 3")
	root.until(`document.querySelector("#pull-live path").getTotalLength() > 60`)
	root.run(`document.querySelector("#pause").click()`)
	eventually(t, "the node sends no more", func() bool {
		return value[string](root, `document.querySelector("#state").innerText`) == "paused" && s.current().Stats().PageWatches == 0
	})
	root.run(`document.querySelector("#pause").click()`)
	root.isLive()
	root.clean()
}

// A screen reader announces the state of the page when that changes, and no numbers.
func TestUpdatesOfTheInspectorDisturbNobody(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	root := s.inspect("")
	root.isLive()
	root.run(`
		window.announced = 0
		new MutationObserver((all) => { announced += all.length }).observe(document.querySelector("#state"), { childList: true, characterData: true, subtree: true })
		window.updates = 0
		new MutationObserver(() => { updates++ }).observe(document.querySelector("#pull-live"), { childList: true, subtree: true, characterData: true, attributes: true })
		document.querySelector("input[name=offset]").focus()
		scrollTo(0, 100)
		0`)
	root.press("58")

	root.until(`updates >= 3`)

	if got := value[int](root, `announced`); got != 0 {
		t.Errorf("%d changes of the state were announced while it was live, want none", got)
	}
	if !value[bool](root, `document.activeElement.name === "offset" && document.activeElement.value === "58" && scrollY === 100 && !document.querySelector("#pull-live[aria-live], #pull-live [aria-live]")`) {
		t.Error("the focus, what was entered, or the place on the page is lost, or the numbers are announced")
	}
	root.clean()
}

func TestInspectorOutlivesItsNode(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	root := s.inspect("")
	root.isLive()
	root.run(`window.before = true`)

	s.restart()

	root.until("!window.before && " + isLive)
	root.clean("WebSocket", "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "426", "503")
}

// On a network that holds up WebSockets, the client needs longer for its first connection
// than the page waits for updates.
func TestInspectorIsPatientUntilItHasConnected(t *testing.T) {
	t.Parallel()
	open := make(chan struct{})
	s := newSite(t, nil)
	s.breakWith(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			<-open
			return next(c)
		}
	})
	root := newPerson(t, "root").open(t, s.url+"/elsewhere")
	root.before(`
		const set = setTimeout
		window.missed = 0
		window.setTimeout = (f, ms, ...more) => ms !== 10_000 || window.opened ? set(f, ms, ...more) : set(() => { missed++; f() }, 20)`)
	root.visit(s.url + "/admin/pull")
	root.run(`window.stayed = true`)

	root.until(`window.missed >= 3`)

	if !value[bool](root, `window.stayed && document.querySelector("#state").textContent === "connecting"`) {
		t.Error("the page was loaded again, or does not show that it connects")
	}
	root.run(`window.opened = true`)
	close(open)
	root.until("window.stayed && " + isLive)
	root.clean()
}

func TestInspectorShowsThatTheSessionIsOver(t *testing.T) {
	t.Parallel()
	var refused atomic.Int32
	s := newSite(t, nil)
	s.echo.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if user, _ := visitor(c); user == "" && c.Request().URL.Path == "/admin/pull" {
				refused.Add(1)
			}
			return next(c)
		}
	})
	root := s.inspect("")
	root.isLive()
	root.run(`window.before = true, document.cookie = "name=; max-age=0; path=/"`)

	if err := s.current().Disconnect("root"); err != nil {
		t.Fatal(err)
	}

	root.until(`document.querySelector("#state").textContent === "no updates"`)
	eventually(t, "the page looks twice whether it could be loaded", func() bool { return refused.Load() >= 2 })
	if !value[bool](root, `window.before`) {
		t.Error("the page was loaded again, and shows nothing any more")
	}
	root.clean("401", "403")
}

func TestInspectorNeedsNoMouse(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.send(pull.User("7"), 1)
	s.send(pull.Tag("ARTICLE_5"), 2)
	root := s.inspect("")
	root.isLive()

	for _, name := range []string{"Overview", "User", "Event", "Why not?", "Pause"} {
		root.press(kb.Tab)
		root.atFocus(name)
	}
	root.press(" ")
	root.until(`document.querySelector("#state").textContent === "paused"`)
	root.atFocus("Resume")
	root.press(kb.Tab + "7" + kb.Enter)
	root.until(`document.querySelector("h1").innerText === "Which event did user 7 not get?"`)
	for range 5 { // to the field
		root.press(kb.Tab)
	}
	root.press("article" + kb.Enter)
	root.until(`document.querySelectorAll("tbody tr").length === 1`)
	root.run(`document.querySelector("tbody tr a[href*=why]").focus()`)
	root.press(kb.Enter)
	root.until(`document.querySelector(".verdict").innerText.includes("no watch covers it")`)
	root.until(`document.querySelector(".decides span").innerText === "Did the user watch ARTICLE_5 when it was sent?"`)
	root.clean()
}

func TestInspectorGoesBackAndForward(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.send(pull.User("7"), 1)
	root := s.inspect("")
	root.isLive()

	root.run(`document.querySelector("tbody a").click()`)
	root.until(`document.querySelector("h1").innerText.startsWith("Event ")`)
	root.run(`history.back()`)
	root.until(`document.querySelector("h1").innerText === "Overview"`)
	root.isLive()
	root.run(`history.forward()`)
	root.until(`document.querySelector("h1").innerText.startsWith("Event ")`)
	root.run(`history.back()`)
	root.until(`document.querySelector("h1").innerText === "Overview"`)
	root.run(`location.reload()`)
	root.isLive()
	root.clean()
}

func TestInspectorWorksWithoutScripts(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.send(pull.Shared().Except("bob"), 1)
	root := newPerson(t, "root").open(t, s.url+"/elsewhere")
	root.must(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	root.visit(s.url + "/admin/pull")
	root.until(`document.querySelector("#pause").hidden && !window.BX`)
	root.must(chromedp.SendKeys(`main form input[name=user]`, "bob\r"))
	root.until(`document.querySelector("h1").innerText === "Which event did user bob not get?"`)
	root.must(chromedp.Click(`tbody a[href*=why]`))
	root.until(`document.querySelector(".verdict").innerText.includes("excepts the user")`)
	root.clean()
}

func TestInspectorIsLiveInFirefox(t *testing.T) {
	t.Parallel()
	f := sharedFirefox(t)
	s := newSite(t, func(c *pull.Config) {
		c.User = func(echo.Context) (string, error) { return "root", nil }
	})
	page := f.open(t, s.url+"/admin/pull")
	page.until(isLive)

	s.send(pull.User("7"), 1)

	page.until(shown("From the log") + " >= 1")
	page.until(`document.querySelector("#pull-live path").getTotalLength() > 60`)
}
