package pull_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// newInspected returns an application with an inspector at /admin/pull.
func newInspected(t *testing.T, configure func(*pull.Config)) *app {
	t.Helper()
	a := newApp(t, configure)
	a.echo.GET("/admin/pull*", a.Inspector())
	return a
}

// inspect returns a page of the inspector as an administrator sees it when nothing
// moves any more.
func (a *app) inspect(t *testing.T, path string) string {
	t.Helper()
	synctest.Wait()
	r := a.get(t, "/admin/pull"+path, userHeader, "root")
	content := text(r)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, want 200: %s", path, r.StatusCode, content)
	}
	return content
}

func TestInspectorRefusesGuests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, func(c *pull.Config) { c.Guests = true })
		defer a.stop(t)
		for _, path := range []string{"", "/", "/user?id=42", "/message?offset=1", "/why?user=42&offset=1", "/inspect.css"} {
			if r := a.get(t, "/admin/pull"+path); r.StatusCode != http.StatusForbidden {
				t.Errorf("%q: status %d, want 403", path, r.StatusCode)
			}
		}
		if r := a.get(t, "/admin/pull", userHeader, "root", "Sec-Fetch-Site", "cross-site"); r.StatusCode != http.StatusOK {
			t.Errorf("a link from another site: status %d, want 200", r.StatusCode)
		}
	})
}

func TestInspectorIsServedForAllowedHostsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, func(c *pull.Config) { c.Hosts = []string{"other.test"} })
		defer a.stop(t)
		if r := a.get(t, "/admin/pull", userHeader, "root"); r.StatusCode != http.StatusForbidden {
			t.Errorf("status %d, want 403", r.StatusCode)
		}
	})
}

func TestInspectorWorksUnderAStrictPolicy(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script[^>]*>[^<]`)
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, func(c *pull.Config) { c.Nonce = func(echo.Context) string { return "n0nce" } })
		defer a.stop(t)
		send(t, a, pull.User("42"), "update")
		for _, path := range []string{"", "/user?id=42", "/message?offset=2", "/why?user=42&offset=2"} {
			r := a.get(t, "/admin/pull"+path, userHeader, "root")
			page := text(r)
			if found := inline.FindString(page); found != "" {
				t.Errorf("%q: inline %q", path, found)
			}
			for _, tag := range regexp.MustCompile(`<(script|link rel="stylesheet")[^>]*>`).FindAllString(page, -1) {
				if !strings.Contains(tag, `nonce="n0nce"`) {
					t.Errorf("%q: no nonce in %s", path, tag)
				}
			}
			for header, want := range map[string]string{
				"Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
				"Cache-Control":           "no-store", "Cross-Origin-Resource-Policy": "same-origin",
				"X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff",
			} {
				if got := r.Header.Get(header); got != want {
					t.Errorf("%q: %s is %q, want %q", path, header, got, want)
				}
			}
		}
	})
}

func TestInspectorKeepsThePolicyOfTheApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.GET("/admin/pull*", a.Inspector(), func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.Response().Header().Set("Content-Security-Policy", "default-src 'self'")
				return next(c)
			}
		})
		if got := a.get(t, "/admin/pull", userHeader, "root").Header.Get("Content-Security-Policy"); got != "default-src 'self'" {
			t.Errorf("got %q, want the application's", got)
		}
	})
}

// reference finds what a page refers to, other than the documentation.
var reference = regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)

func TestLinksOfTheInspectorLeadToItsPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.GET("/admin/pull*", a.Inspector())
		a.echo.GET("/inspector/*", a.Inspector())
		send(t, a, pull.User("42"), "update")
		for _, at := range []string{
			"/admin/pull", "/admin/pull/", "/admin/pull/user?id=42", "/admin/pull/user/?id=42", "/admin/pull/message?offset=2", "/admin/pull/why",
			"/inspector/", "/inspector/user", "/inspector/user/?id=42",
		} {
			base, err := url.Parse(at)
			if err != nil {
				t.Fatal(err)
			}
			found := reference.FindAllStringSubmatch(text(a.get(t, at, userHeader, "root")), -1)
			if len(found) < 6 {
				t.Errorf("%s: %d references, want more", at, len(found))
			}
			for _, f := range found {
				to, err := base.Parse(html.UnescapeString(f[1]))
				if err != nil {
					t.Fatal(err)
				}
				if to.Host != "" { // the documentation
					continue
				}
				if r := a.get(t, to.String(), userHeader, "root"); r.StatusCode != http.StatusOK {
					t.Errorf("%s refers to %s: status %d, want 200", at, to, r.StatusCode)
				}
			}
		}
		for _, path := range []string{"/admin/pullover", "/admin/pulluser", "/admin/pull/nothing", "/admin/pull/user/more"} {
			if r := a.get(t, path, userHeader, "root"); r.StatusCode != http.StatusNotFound {
				t.Errorf("%s: status %d, want 404", path, r.StatusCode)
			}
		}
	})
}

// grantOn returns the grant on the overview.
func grantOn(t *testing.T, page string) string {
	t.Helper()
	found := regexp.MustCompile(`<pull-watch grant="([^"]+)"`).FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("no grant on the page:\n%s", page)
	}
	return html.UnescapeString(found[1])
}

func TestOverviewIsLiveWhileSomebodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, nil)
		defer a.stop(t)
		overview := a.inspect(t, "")
		p := a.dial(t, "root", "?watch="+url.QueryEscape(grantOn(t, overview)))
		p.hello(t)

		var at []time.Time
		for range 4 {
			m := p.event(t)
			if m.Module != "pull" || m.Command != "render" || m.Params["selector"] != "#pull-live" {
				t.Fatalf("got %+v, want a fragment for #pull-live", m)
			}
			shown, _ := m.Params["html"].(string)
			if !strings.Contains(shown, "<dt>All</dt><dd>1</dd>") || !strings.Contains(shown, "<path") {
				t.Errorf("the fragment does not show one connection and a plot:\n%s", shown)
			}
			if len(shown) > 8<<10 {
				t.Errorf("the fragment has %d bytes, want at most 8 KiB", len(shown))
			}
			at = append(at, time.Now())
		}
		if took := at[3].Sub(at[0]); took != 6*time.Second {
			t.Errorf("three updates took %s, want 6s", took)
		}

		_ = p.Close()
		pass(40 * time.Second)
		if a.sendsUpdates() {
			t.Error("updates were sent while nobody looked")
		}
	})
}

// A page without JavaScript never connects. Its plots are those since it was loaded.
func TestOverviewShowsPlotsWithoutAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, nil)
		defer a.stop(t)
		a.inspect(t, "")
		pass(20 * time.Second)
		overview := a.inspect(t, "")
		path := regexp.MustCompile(`<path d="([^"]*)"`).FindStringSubmatch(overview)
		if path == nil || !strings.HasPrefix(path[1], "M278 ") { // ten steps of two seconds from the right
			t.Errorf("after 20 seconds the first plot is %q, want it to begin at 278:\n%s", path, overview)
		}
		if sent := a.Stats().Offset; sent > 4 { // signs of life
			t.Errorf("%d messages were sent though no page is connected", sent)
		}

		pass(time.Minute)
		if page := a.inspect(t, ""); strings.Contains(page, "<path") {
			t.Errorf("the counters were sampled while nobody looked:\n%s", page)
		}
	})
}

func TestOverviewOfAnUnmountedPluginIsNotLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, func(c *pull.Config) { c.PublicPath = "/:tenant/pull" })
		defer a.stop(t)
		overview := a.inspect(t, "")
		if strings.Contains(overview, "<script") || strings.Contains(overview, "<pull-watch") || !strings.Contains(overview, "Not live:") {
			t.Errorf("the page is live, want the reason why not:\n%s", overview)
		}
	})
}

func TestShutdownEndsTheInspector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, nil)
		a.inspect(t, "")
		start := time.Now()
		a.stop(t)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("the shutdown took %s while somebody looked", took)
		}
	})
}

func TestInspectorShowsAUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, nil)
		defer a.stop(t)
		grant(t, a, "42", "TASK_7")
		gone := a.dial(t, "42", "?client=the-page-that-has-left")
		gone.hello(t)
		_ = gone.Close()
		p := a.dial(t, "42", "?client=the-page-that-is-here")
		p.hello(t)
		send(t, a, pull.Tag("TASK_7"), "update")
		p.event(t)
		send(t, a, pull.User("43"), "another")
		synctest.Wait()

		page := a.inspect(t, "/user?id=42")
		now, left, _ := strings.Cut(page, "Connections that have ended")
		left, rest, _ := strings.Cut(left, "Watches of the user")
		for _, test := range []struct{ part, want string }{
			{now, "the-page-that-is-here"}, {now, "websocket"}, {now, "online"}, {left, "the-page-that-has-left"}, {rest, "<li>TASK_7</li>"}, {rest, "tasks:update"},
		} {
			if !strings.Contains(test.part, test.want) {
				t.Errorf("no %q in\n%s", test.want, test.part)
			}
		}
		if strings.Contains(now, "the-page-that-has-left") || strings.Contains(rest, "tasks:another") {
			t.Errorf("the page shows what is not the user's, or not now:\n%s", page)
		}
		if page := a.inspect(t, "/user?id=nobody"); !strings.Contains(page, "offline") || strings.Contains(page, "TASK_7") {
			t.Errorf("the page of a user who was never here:\n%s", page)
		}
		if page := a.inspect(t, "/user?id="); !strings.Contains(page, "Guests") || strings.Contains(page, "the-page-that-is-here") {
			t.Errorf("the page of guests:\n%s", page)
		}
	})
}

func TestInspectorShowsParamsOnlyIfConfigured(t *testing.T) {
	for _, shown := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a := newInspected(t, func(c *pull.Config) { c.InspectParams = shown })
			defer a.stop(t)
			sendEvent(t, a, pull.User("42"), event("update", map[string]any{"secret": "xyzzy"}))
			offset := a.lastOffset(t)
			all := a.inspect(t, "") + a.inspect(t, "/user?id=42") + a.inspect(t, "/why?user=42&offset="+offset)
			page := a.inspect(t, "/message?offset="+offset)
			if !strings.Contains(page, "tasks:update") || strings.Contains(page, "xyzzy") != shown || strings.Contains(all, "xyzzy") {
				t.Errorf("InspectParams is %t:\n%s", shown, page)
			}
		})
	}
}

func TestInspectorExplainsWhyAUserDidNotGetAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, nil)
		defer a.stop(t)
		send(t, a, pull.User("42"), "update")
		offset := a.lastOffset(t)
		for query, want := range map[string]string{
			"user=43&offset=" + offset: "for others", "user=42&offset=" + offset: "no session on this node", "user=&offset=" + offset: "for others", "user=42&offset=999999": "up to offset 2",
		} {
			page := a.inspect(t, "/why?"+query)
			verdict := regexp.MustCompile(`<p class="verdict"[^>]*>([^<]*)`).FindStringSubmatch(page)
			if verdict == nil || !strings.Contains(verdict[1], want) || strings.Count(page, `<li class="decides">`) != 1 {
				t.Errorf("%s: the verdict %q does not mention %q:\n%s", query, verdict, want, page)
			}
		}
		for _, query := range []string{"user=42&offset=x", "user=42&offset=-1", "user=42&offset=0", "user=%00&offset=1"} {
			if page := a.inspect(t, "/why?"+query); !strings.Contains(page, `class="verdict problem"`) {
				t.Errorf("%s: no problem is shown:\n%s", query, page)
			}
		}
	})
}

// hostile is markup in each place that others can choose.
const hostile = `<img src=x onerror=alert(1)>"'`

func TestInspectorEscapesWhatOthersHaveChosen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, func(c *pull.Config) { c.InspectParams = true })
		defer a.stop(t)
		grant(t, a, hostile, hostile)
		sendEvent(t, a, pull.User(hostile).Or(pull.Tag(hostile)), event(hostile, map[string]any{hostile: hostile}))
		p := a.dial(t, hostile, "")
		p.hello(t)
		offset := a.lastOffset(t)
		for _, path := range []string{
			"", "/user?id=" + url.QueryEscape(hostile), "/message?offset=" + offset, "/message?offset=" + url.QueryEscape(hostile),
			"/why?user=" + url.QueryEscape(hostile) + "&offset=" + offset, "/why?user=1&offset=" + url.QueryEscape(hostile),
			"/why?user=" + url.QueryEscape(hostile) + "&part=" + url.QueryEscape(hostile),
		} {
			if page := a.inspect(t, path); strings.Contains(page, "<img") {
				t.Errorf("%q contains the markup of others:\n%s", path, page)
			}
		}
	})
}

// lastOffset returns the offset of the newest event that the overview shows.
func (a *app) lastOffset(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`message\?offset=([0-9]+)`).FindStringSubmatch(a.inspect(t, ""))
	if found == nil {
		t.Fatal("the overview shows no event")
	}
	return found[1]
}
