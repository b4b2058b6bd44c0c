package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/echo-pull/pull"
)

// inspectorPicture is the picture of the inspector in the README. It is written only on
// request:
//
//	go test -run TestPictureOfTheInspector -inspector ../docs/inspector.png
var inspectorPicture = flag.String("inspector", "", "where to write the README's picture of the inspector")

const inspectorBytes = 170 << 10 // it has more text than the picture of the example

// newInspectedSite returns a site with an inspector, and what it has to show: a user with
// a connection and watches, and events of which some have reached nobody.
func newInspectedSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t, func(c *pull.Config) { c.InspectParams = true })
	s.get("/admin/pull*", s.current().Inspector())
	return s
}

// withTraffic opens a page of bob, and sends events.
func (s *site) withTraffic() *tab {
	s.t.Helper()
	bob := newPerson(s.t, "bob").open(s.t, s.url+"/page?watch=ARTICLE_5")
	bob.connected()
	s.send(pull.User("bob"), 1, 2)
	s.send(pull.Tag("ARTICLE_5"), 3)
	s.send(pull.Shared().Except("bob"), 4)
	s.send(pull.User("carol", "dave"), 5)
	bob.heard(1, 2, 3)
	return bob
}

func TestInspectorIsLiveUntilItIsPaused(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.get("/admin/pull*", s.current().Inspector())
	root := newPerson(t, "root").open(t, s.url+"/admin/pull")
	root.until(`document.querySelector("#state").dataset.state === "live"`)

	s.send(pull.User("bob"), 1, 2, 3)

	root.until(`/From the log\s*[3-9]/.test(document.querySelector("#pull-live").innerText)`)
	root.until(`document.querySelector("#pull-live path").getTotalLength() > 60`)
	root.run(`document.querySelector("#pause").click()`)
	eventually(t, "the node sends no more", func() bool {
		return value[string](root, `document.querySelector("#state").innerText`) == "paused" && s.current().Stats().PageWatches == 0
	})
	root.run(`document.querySelector("#pause").click()`)
	root.until(`document.querySelector("#state").dataset.state === "live"`)
	root.clean()
}

// inspectorPages are the pages that show something.
var inspectorPages = []string{"", "/user?id=bob", "/user?id=nobody", "/message", "/message?offset=%d", "/why", "/why?user=bob&offset=%d", "/why?user=dave&offset=%d", "/why?user=bob&offset=99999999"}

func TestInspectorShutsNobodyOut(t *testing.T) {
	t.Parallel()
	source := axe(t)
	s := newInspectedSite(t)
	s.withTraffic()
	root := newPerson(t, "root").open(t, s.url+"/admin/pull")
	offset := value[int](root, `Number(document.querySelector("tbody a").innerText)`)
	for _, path := range inspectorPages {
		if strings.Contains(path, "%d") {
			path = fmt.Sprintf(path, offset)
		}
		root.visit(s.url + "/admin/pull" + path)
		root.run(source)
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 390} {
				root.screen(width, scheme)
				root.findsNothing(path, scheme, width)
			}
		}
	}
	root.clean()
}

// findsNothing fails if axe finds a violation, or if the page is wider than the screen.
func (p *tab) findsNothing(path, scheme string, width int64) {
	p.Helper()
	p.run(`axe.run().then(({ violations }) => {
		window.violations = violations.map(({ id, help, nodes }) => id + ": " + help + ": " + nodes.map((node) => node.html + " " + node.failureSummary).join("; "))
	})`)
	if found := value[[]string](p, "violations"); len(found) > 0 {
		p.Errorf("%q, %s, %d px wide:\n%s", path, scheme, width, strings.Join(found, "\n"))
	}
	if got := value[int64](p, "document.documentElement.scrollWidth"); got > width {
		p.Errorf("%q needs %d px on a screen of %d", path, got, width)
	}
}

func TestInspectorWorksWithoutScripts(t *testing.T) {
	t.Parallel()
	s := newInspectedSite(t)
	s.withTraffic()
	root := newPerson(t, "root").open(t, s.url+"/elsewhere")
	root.must(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	root.visit(s.url + "/admin/pull")
	root.until(`document.querySelector("#pause").hidden && !window.BX`)
	root.must(chromedp.SendKeys(`main form input[name=id]`, "bob\r"))
	root.until(`document.querySelector("h1").innerText === "User bob"`)
	root.clean()
}

// keepBusy sends events for a while, now more and now less of them, so that the plots
// have something to show.
func (s *site) keepBusy(d time.Duration) {
	s.t.Helper()
	next := time.NewTicker(100 * time.Millisecond)
	defer next.Stop()
	end := time.Now().Add(d)
	for n := 6; time.Now().Before(end); n++ {
		<-next.C
		for range 3 + rand.IntN(3+n/40%9) {
			s.send(pull.Shared(), n)
		}
		if n%5 == 0 {
			s.send(pull.Tag("ARTICLE_5"), n)
		}
	}
}

func TestPictureOfTheInspectorIsSmall(t *testing.T) {
	t.Parallel()
	s := newInspectedSite(t)
	s.withTraffic()
	overview := newPerson(t, "root").open(t, s.url+"/admin/pull")
	overview.screen(1000, "light")
	offset := value[int](overview, `Number([...document.querySelectorAll("tbody tr")].find((row) => row.innerText.includes("dave")).querySelector("a").innerText)`)
	overview.until(`document.querySelector("#pull-live path").getTotalLength() > 60`)
	if *inspectorPicture != "" {
		s.keepBusy(time.Minute)
	}
	why := newPerson(t, "root").open(t, s.url+"/admin/pull")
	why.screen(400, "light")
	why.visit(s.url + fmt.Sprintf("/admin/pull/why?user=bob&offset=%d", offset))

	picture := sideBySide(overview.picture(), why.picture())

	if len(picture) > inspectorBytes {
		t.Errorf("the picture has %d bytes, want at most %d", len(picture), inspectorBytes)
	}
	if *inspectorPicture == "" {
		return
	}
	if err := os.WriteFile(*inspectorPicture, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
