package pull_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestRefusalsAreCountedByReason(t *testing.T) {
	user := []string{userHeader, "42"}
	for _, test := range []struct {
		want      string
		configure func(*pull.Config)
		path      string
		headers   []string
	}{
		{want: "origin", headers: append(user, "Origin", "http://evil.test")},
		{want: "host", configure: func(c *pull.Config) { c.Hosts = []string{"other.test"} }, headers: user},
		{want: "login"},
		{want: "login", configure: func(c *pull.Config) {
			c.User = func(echo.Context) (string, error) { return "", errors.New("no such session") }
		}},
		{want: "login", configure: func(c *pull.Config) {
			c.User = func(echo.Context) (string, error) { return "", echo.NewHTTPError(http.StatusPaymentRequired, "unpaid") }
		}},
		{want: "limit_user", configure: func(c *pull.Config) { c.MaxSessionsPerUser = 1 }, headers: user},
		{want: "limit_address", configure: func(c *pull.Config) { c.Guests, c.MaxGuestsPerAddress = true, 1 }},
		{want: "limit_node", configure: func(c *pull.Config) { c.MaxSessions = 1 }, headers: user},
		{want: "ticket", path: "?ticket=x"},
		{want: "malformed", path: "?client=a/b", headers: user},
		{want: "grant", path: "/html?grant=x", headers: user},
	} {
		t.Run(test.want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, test.configure)
				defer a.stop(t)
				if strings.HasPrefix(test.want, "limit") {
					p, _, err := a.tryDial(t, "", test.headers...)
					if err != nil {
						t.Fatal(err)
					}
					p.hello(t)
				}

				if status := a.get(t, "/pull"+test.path, test.headers...).StatusCode; status < 400 {
					t.Fatalf("got status %d, want a refusal", status)
				}

				counts(t, "refused", a.Stats().Refused, map[string]uint64{test.want: 1})
			})
		})
	}
}

// A probe gets 426 if a connection would be accepted.
func TestProbeThatSucceedsIsNoRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		if status := a.get(t, "/pull", userHeader, "42").StatusCode; status != http.StatusUpgradeRequired {
			t.Fatalf("got status %d, want 426", status)
		}
		counts(t, "refused", a.Stats().Refused, nil)
	})
}

func TestTooManyAttemptsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.MaxSessionsPerUser = 1 })
		defer a.stop(t)
		for range 30 {
			a.get(t, "/pull", userHeader, "42")
		}
		if got := a.Stats().Refused["attempts"]; got == 0 || got > 10 {
			t.Errorf("got %d of 30 attempts refused, want those beyond the first 20", got)
		}
	})
}
