package pull_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestUsersAreNotToldOfOneAnotherByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.Online = pull.Config{}.Online })
		defer a.stop(t)
		ann := a.dial(t, "ann", "")
		ann.hello(t)
		a.dial(t, "bob", "").hello(t)
		pass(5 * time.Second)
		send(t, a, pull.User("ann"), "last")

		for m := ann.next(t); m.Command != "last"; m = ann.next(t) {
			if m.Module == "online" {
				t.Errorf("got %s, want nothing about other users", m.Command)
			}
		}
	})
}

func TestUnknownOnlineScopeIsAnError(t *testing.T) {
	for _, scope := range []pull.OnlineScope{"all", "Everyone", "tag", "tag:", pull.OnlineWatchers(strings.Repeat("x", 256))} {
		_, err := pull.New(pull.Config{User: func(echo.Context) (string, error) { return "", nil }, Online: scope})
		if err == nil || !strings.Contains(err.Error(), "Config.Online") {
			t.Errorf("%.10q: got %v, want an error of Config.Online", scope, err)
		}
	}
}

func TestModulesUseThePublicSectionByDefault(t *testing.T) {
	for _, tc := range []struct {
		use           pull.Section
		public, admin bool
	}{
		{0, true, false},
		{pull.PublicSection, true, false},
		{pull.AdminSection, false, true},
		{pull.PublicSection | pull.AdminSection, true, true},
		{pull.NoSection, false, false},
	} {
		s := newSite(t, nil)
		if err := s.Register(pull.Module{ID: "tasks", Use: tc.use}); err != nil {
			t.Fatal(err)
		}
		s.Mount(s.Group("/pull"))
		s.GET("/public", s.page)
		s.GET("/admin", s.page, s.Section(pull.AdminSection))
		for target, want := range map[string]bool{"/public": tc.public, "/admin": tc.admin} {
			if _, url := s.head(target); url == "/pull" != want {
				t.Errorf("use %d, %s: got %s, want connected %t", tc.use, target, url, want)
			}
		}
	}
	s := newSite(t, nil)
	for _, use := range []pull.Section{pull.NoSection | pull.PublicSection, 1 << 5} {
		if err := s.Register(pull.Module{ID: "other", Use: use}); err == nil {
			t.Errorf("use %d: got no error", use)
		}
	}
}

func TestNameThatIsNotAllowedIsPrintedAsTyped(t *testing.T) {
	s := newSite(t, nil)
	for name, want := range map[string]string{
		"Привет":    `"Привет": 'П' is not allowed`,
		"a🙂":        `"a🙂": '🙂' is not allowed`,
		"a\xd0":     `"a\xd0": '\xd0' is not allowed`,
		"a\nb":      `"a\nb": '\n' is not allowed`,
		"a b":       `"a b": ' ' is not allowed`,
		"\u212a":    "'\u212a' is not allowed", // the Kelvin sign is not a k
		"a\ufffd":   `'` + "\ufffd" + `' is not allowed`,
		"a\u200bb":  `'\u200b' is not allowed`,
		"it's\x00x": `''' is not allowed`,
	} {
		want = strings.ReplaceAll(want, "'''", `'\''`)
		for _, err := range []error{
			s.Send(t.Context(), pull.Shared(), pull.Event{Module: name, Command: "x"}),
			s.Register(pull.Module{ID: name}),
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	}
	for command, want := range map[string]string{
		"a\nb":     `"a\nb": '\n' is not allowed`,
		"Привет\r": `"Привет\r": '\r' is not allowed`,
		"a\u2028":  `"a\u2028": '\u2028' is not allowed`,
		"a\xd0":    `"a\xd0" is not UTF-8`,
	} {
		err := s.Send(t.Context(), pull.Shared(), pull.Event{Module: "tasks", Command: command})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestPostsAreLimitedWithoutASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.Guests = true })
		defer a.stop(t)
		post := func(user, ip string) int {
			return a.do(t, http.MethodPost, "/pull/watch", `{"extend":["T"]}`, userHeader, user, "X-Real-IP", ip).StatusCode
		}
		for _, who := range []struct{ user, ip, otherUser, otherIP string }{
			{user: "42", otherUser: "7"},
			{ip: "192.0.2.1", otherIP: "192.0.2.2"},
		} {
			var refused int
			for i := range 30 {
				ip := who.ip
				if who.user != "" {
					ip = fmt.Sprintf("192.0.2.%d", i) // the limit is per user, from whatever address
				}
				if status := post(who.user, ip); status == http.StatusTooManyRequests {
					refused++
				}
			}
			if refused != 10 {
				t.Errorf("%+v: %d of 30 were refused, want all but 20", who, refused)
			}
			if got := post(who.otherUser, who.otherIP); got != http.StatusOK {
				t.Errorf("%+v: another user got status %d, want 200", who, got)
			}
			pass(time.Second)
			if one, two, three := post(who.user, who.ip), post(who.user, who.ip), post(who.user, who.ip); one+two != 400 || three != 429 {
				t.Errorf("%+v: got %d, %d, %d a second later, want two to pass", who, one, two, three)
			}
		}
	})
}
