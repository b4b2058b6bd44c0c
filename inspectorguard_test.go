package pull_test

import (
	"errors"
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

// crooked are paths below a mount that are none of the inspector's own, or another
// spelling of one.
var crooked = []string{
	"", "/", "//", "//user?id=42", "/%2f", "/user%2f", "/%2e%2e/", "/../pull", "/..", "/user%00", "/user;x", "/user/", "/user//", "/x/../user", "/x",
	"/user?id=%ff", "/user?id=1;id=2", "/user?%zz", "/message?offset=1", "/why?offset=1", "/inspect.js", "/inspect.css", "/inspect.svg", "/inspect.js/", "/%69nspect.js", "/inspect.html",
}

func TestInspectorRefusesGuestsOnEveryPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.Guests = true })
		defer a.stop(t)
		a.echo.Any("/admin/pull*", a.Inspector())
		a.echo.Group("/in").Group("/group").Any("/*", a.Inspector())
		a.echo.Any("/*", a.Inspector())
		send(t, a, pull.User("42"), "update")
		for _, mount := range []string{"/admin/pull", "/in/group", ""} {
			for _, path := range crooked {
				for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions, http.MethodDelete, "BREW"} {
					if mount+path == "" || method == "BREW" && mount != "" {
						continue
					}
					r := a.do(t, method, mount+path, "")
					if content := text(r); r.StatusCode < 400 || strings.Contains(content, "pull-live") || strings.Contains(content, "<") {
						t.Errorf("%s %s: status %d, want a refusal: %s", method, mount+path, r.StatusCode, content)
					}
					if got := r.Header.Get("Cache-Control"); r.StatusCode == http.StatusForbidden && got != "no-store" {
						t.Errorf("%s %s: the refusal has Cache-Control %q, want no-store", method, mount+path, got)
					}
				}
			}
		}
		if sampled := a.Stats().Messages; sampled != 1 {
			t.Errorf("%d messages, want only that of the test", sampled)
		}
	})
}

func TestInspectorOnlyShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.Any("/admin/pull*", a.Inspector())
		for method, want := range map[string]int{
			http.MethodGet: 200, http.MethodHead: 200, http.MethodPost: 405, http.MethodPut: 405, http.MethodDelete: 405, http.MethodPatch: 405, http.MethodOptions: 405,
		} {
			r := a.do(t, method, "/admin/pull/user?id=42", "", userHeader, "root")
			content := text(r)
			if r.StatusCode != want || want == 405 && r.Header.Get("Allow") != "GET, HEAD" || method == http.MethodHead && content != "" {
				t.Errorf("%s: status %d, Allow %q and %d bytes, want %d", method, r.StatusCode, r.Header.Get("Allow"), len(content), want)
			}
		}
	})
}

func TestInspectorRefusesWhomTheApplicationDoesNotKnow(t *testing.T) {
	for name, test := range map[string]struct {
		user func(echo.Context) (string, error)
		want int
	}{
		"error":                {func(echo.Context) (string, error) { return "root", errors.New("the store is down") }, 401},
		"error with a status":  {func(echo.Context) (string, error) { return "root", echo.NewHTTPError(http.StatusTeapot, "no") }, 418},
		"redirect to a login":  {func(c echo.Context) (string, error) { return "root", c.Redirect(http.StatusSeeOther, "/login") }, 404},
		"malformed":            {func(echo.Context) (string, error) { return "ro\x00ot", nil }, 401},
		"longer than possible": {func(echo.Context) (string, error) { return strings.Repeat("r", 300), nil }, 401},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newInspected(t, func(c *pull.Config) { c.User = test.user })
				defer a.stop(t) // which has no page for logging in
				for _, path := range []string{"", "/user?id=42", "/inspect.js"} {
					r := a.get(t, "/admin/pull"+path)
					if content := text(r); r.StatusCode != test.want || strings.Contains(content, "<main>") || strings.Contains(content, "down") {
						t.Errorf("%q: status %d, want %d without a page: %s", path, r.StatusCode, test.want, content)
					}
				}
			})
		})
	}
}

func TestInspectorEndsWithTheSession(t *testing.T) {
	for name, end := range map[string]func(*app) error{
		"session": func(a *app) error { return a.DisconnectSession("s1") },
		"user":    func(a *app) error { return a.Disconnect("root") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l accounts
				l.set("key", "root", "s1", time.Hour)
				a := newInspected(t, func(c *pull.Config) { c.User, c.Session = nil, l.session })
				defer a.stop(t)
				given := grantOn(t, text(a.get(t, "/admin/pull", userHeader, "key")))
				p := a.dial(t, "key", "?watch="+url.QueryEscape(given))
				p.hello(t)
				p.event(t)

				if err := end(a); err != nil {
					t.Fatal(err)
				}

				if _, _, err := p.read().wait(); err == nil {
					t.Error("the live part goes on after the session")
				}
				if name == "session" {
					if r := a.get(t, "/admin/pull", userHeader, "key"); r.StatusCode != http.StatusUnauthorized {
						t.Errorf("a page after the session: status %d, want 401", r.StatusCode)
					}
				}
				l.set("key", "42", "s2", time.Hour) // someone else logs in, in the same browser
				pass(time.Minute)
				thief := a.dial(t, "key", "?watch="+url.QueryEscape(given)).read()
				pass(10 * time.Second)
				thief.leave()
				if commands, _, _ := thief.wait(); len(commands) > 0 {
					t.Errorf("another user got %v with the grant of the administrator", commands)
				}
			})
		})
	}
}

func TestInspectorKeepsSecretParams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, func(c *pull.Config) { c.InspectParams = true })
		defer a.stop(t)
		e := event("token", map[string]any{"token": "xyzzy"})
		e.Secret = true
		sendEvent(t, a, pull.User("42"), e)
		page := a.inspect(t, "/message?offset="+a.lastOffset(t))
		if strings.Contains(page, "xyzzy") || !strings.Contains(page, "Not shown: the event is secret.") {
			t.Errorf("the params of a secret event are shown:\n%s", page)
		}
	})
}

var tagOfHTML = regexp.MustCompile(`<[^>]*>`)

// A name that reverses what follows would turn the verdict into another sentence.
func TestInspectorShowsInvisibleCharacters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, nil)
		defer a.stop(t)
		name := "42\u202e\u2066\u200b"
		grant(t, a, name, name)
		send(t, a, pull.User(name).Or(pull.Tag(name)), "update")
		query := url.QueryEscape(name)
		for _, path := range []string{"", "/user?id=" + query, "/message?offset=" + a.lastOffset(t), "/why?user=" + query + "&offset=" + a.lastOffset(t)} {
			page := a.inspect(t, path)
			outside := tagOfHTML.ReplaceAllString(page, "")
			if strings.ContainsAny(outside, "\u202e\u2066\u200b") || !strings.Contains(outside, `42\u202e\u2066\u200b`) {
				t.Errorf("%q does not show the characters:\n%s", path, page)
			}
			if strings.Contains(page, `name="id" value`) && path == "/user?id="+query && !strings.Contains(page, `value="`+name+`"`) {
				t.Errorf("%q: the form has another user:\n%s", path, page)
			}
		}
	})
}
