package e2e

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/e2e/internal/webkittest"
)

// A view is a page in some browser.
type view struct {
	*testing.T
	visit    func(address string)
	evaluate func(expression string) (string, error) // of a string
}

// browsers are those in which the client must work. open returns what opens the pages of
// a test, each in a tab of its own in front of the others.
var browsers = []struct {
	name string
	open func(*testing.T) func(address string) *view
}{
	{"Chromium", inChromium},
	{"Firefox", inFirefox},
	{"WebKit", inWebKit},
}

func inChromium(t *testing.T) func(address string) *view {
	t.Helper()
	who := newPerson(t, "")
	return func(address string) *view {
		page := who.open(t, address)
		return &view{t, page.visit, func(expression string) (string, error) {
			ctx, cancel := context.WithTimeout(page.ctx, patience)
			defer cancel()
			return chromedp.Run(ctx, chromedp.Evaluate[string](expression))
		}}
	}
}

func inFirefox(t *testing.T) func(address string) *view {
	t.Helper()
	f := sharedFirefox(t)
	return func(address string) *view {
		page := f.open(t, address)
		visit := func(address string) {
			if err := page.Visit(t.Context(), address); err != nil {
				t.Fatal(err)
			}
		}
		return &view{t, visit, func(expression string) (got string, err error) {
			err = page.Eval(t.Context(), expression, &got)
			return got, err
		}}
	}
}

func inWebKit(t *testing.T) func(address string) *view {
	t.Helper()
	b, err := webkittest.Start(t.Context(), t.TempDir())
	if errors.Is(err, webkittest.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	t.Cleanup(b.Kill)
	return func(address string) *view {
		name, err := b.NewTab(t.Context())
		must(err)
		visit := func(address string) {
			must(b.Use(t.Context(), name))
			must(b.Visit(t.Context(), address))
		}
		visit(address)
		return &view{t, visit, func(expression string) (got string, err error) {
			must(b.Use(t.Context(), name))
			err = b.Eval(t.Context(), expression, &got)
			return got, err
		}}
	}
}

// eval evaluates an expression.
func (v *view) eval(expression string) string {
	v.Helper()
	got, err := v.evaluate(expression)
	if err != nil {
		v.Fatalf("%s: %v", expression, err)
	}
	return got
}

// until waits for an expression to be true, on this page or the one that replaces it.
func (v *view) until(expression string) {
	v.Helper()
	eventually(v.T, expression, func() bool {
		is, err := v.evaluate("String(!!(" + expression + "))")
		return err == nil && is == "true"
	})
}

func (v *view) run(statement string) { v.eval("String(void (() => {" + statement + "})())") }

func (v *view) connected() {
	v.Helper()
	v.until("window.BX?.PULL?.isConnected()")
}

// heard waits until the page has received that many events, and compares them.
func (v *view) heard(want ...int) {
	v.Helper()
	v.until("heard.length >= " + strconv.Itoa(len(want)))
	if got := v.eval("heard.join()"); got != join(want) {
		v.Errorf("the page received %s, want %s", got, join(want))
	}
	if gaps := v.eval("String(gaps)"); gaps != "0" {
		v.Errorf("the page was notified of %s gaps, want none", gaps)
	}
}

// ofAnn configures a site whose every visitor is ann, and that remembers its log.
func ofAnn(t *testing.T) func(*pull.Config) {
	t.Helper()
	state := t.TempDir() + "/state"
	return func(c *pull.Config) {
		c.User = func(echo.Context) (string, error) { return "ann", nil }
		c.StateFile = state
	}
}

// inBrowsers runs a test in each browser, one after the other for each site.
func inBrowsers(t *testing.T, configure func(*pull.Config), test func(t *testing.T, s *site, open func(address string) *view)) {
	t.Helper()
	for _, b := range browsers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			open := b.open(t)
			ann := ofAnn(t)
			s := newSite(t, func(c *pull.Config) {
				ann(c)
				if configure != nil {
					configure(c)
				}
			})
			test(t, s, open)
		})
	}
}

func TestEveryBrowserRecoversFromARestart(t *testing.T) {
	t.Parallel()
	inBrowsers(t, nil, func(_ *testing.T, s *site, open func(string) *view) {
		page := open(s.url + "/page")
		page.connected()
		s.send(pull.User("ann"), 1)
		page.heard(1)

		s.restart()
		s.send(pull.User("ann"), 2)
		page.heard(1, 2)
	})
}

func TestEveryBrowserRecoversFromALostConnection(t *testing.T) {
	t.Parallel()
	inBrowsers(t, nil, func(t *testing.T, s *site, open func(string) *view) {
		r := startRelay(t, s.url)
		page := open("http://" + r.address + "/page")
		page.connected()
		s.send(pull.User("ann"), 1)
		page.heard(1)

		r.cut()
		s.send(pull.User("ann"), 2, 3)
		page.heard(1, 2, 3)
	})
}

func TestEveryBrowserFallsBackToAStream(t *testing.T) {
	t.Parallel()
	inBrowsers(t, nil, func(_ *testing.T, s *site, open func(string) *view) {
		s.breakWith(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				if c.IsWebSocket() {
					return echo.NewHTTPError(http.StatusBadGateway)
				}
				return next(c)
			}
		})
		page := open(s.url + "/page")
		page.connected()
		s.send(pull.User("ann"), 1, 2)

		page.heard(1, 2)
		if got := page.eval("BX.PULL.getDebugInfo().transport"); got != "sse" {
			page.Errorf("the transport is %s, want sse", got)
		}
	})
}

// A page that comes back from the back/forward cache has all it had before. One that the
// browser has loaded again begins at its new position.
func TestEveryBrowserComesBackToAPage(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		t.Run(strconv.FormatBool(shared), func(t *testing.T) {
			t.Parallel()
			inBrowsers(t, func(c *pull.Config) { c.Shared = shared }, func(t *testing.T, s *site, open func(string) *view) {
				page := open(s.url + "/page")
				page.connected()
				page.run("window.stayed = true")
				s.send(pull.User("ann"), 1)
				page.heard(1)
				page.run(`location.assign("/elsewhere")`)
				page.until(`document.title === "elsewhere"`)
				if !shared || !strings.HasSuffix(t.Name(), "/WebKit") { // which puts the worker to sleep before it can close
					eventually(t, "the server lets the session go", func() bool { return s.sessions() == 0 })
				}
				s.send(pull.User("ann"), 2, 3)

				page.run("history.back()")
				page.connected()
				s.send(pull.User("ann"), 4)

				stayed := page.eval("String(!!window.stayed)") == "true"
				t.Logf("the page was kept: %t", stayed)
				page.until("heard.at(-1) === 4")
				if stayed || page.eval("String(heard.length)") != "1" { // loaded again from a cache, at its old position
					page.heard(1, 2, 3, 4)
				} else {
					page.heard(4)
				}
			})
		})
	}
}

func TestEveryBrowserHearsOnAHiddenPage(t *testing.T) {
	t.Parallel()
	inBrowsers(t, nil, func(t *testing.T, s *site, open func(string) *view) {
		page := open(s.url + "/page")
		page.connected()
		other := open(s.url + "/elsewhere")
		other.until(`document.title === "elsewhere"`)
		t.Logf("the page is %s", page.eval("document.visibilityState"))

		s.send(pull.User("ann"), 1, 2)
		page.heard(1, 2)
	})
}

func TestEveryBrowserSharesAConnection(t *testing.T) {
	t.Parallel()
	inBrowsers(t, func(c *pull.Config) { c.Shared = true }, func(t *testing.T, s *site, open func(string) *view) {
		var tabs []*view
		for range 3 {
			page := open(s.url + "/page")
			page.connected()
			tabs = append(tabs, page)
		}
		if got := s.sessions(); got != 1 {
			t.Errorf("three tabs have %d connections, want 1", got)
		}
		s.send(pull.User("ann"), 1, 2)
		for _, page := range tabs {
			page.heard(1, 2)
		}

		s.restart()
		s.send(pull.User("ann"), 3)
		for _, page := range tabs {
			page.heard(1, 2, 3)
			page.connected()
		}
		if got := s.sessions(); got != 1 {
			t.Errorf("after the restart three tabs have %d connections, want 1", got)
		}
		tabs[0].visit(s.url + "/elsewhere")
		s.send(pull.User("ann"), 4)
		tabs[1].heard(1, 2, 3, 4)
	})
}
