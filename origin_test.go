package pull_test

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestAllowedOriginsMatchWhatBrowsersSend(t *testing.T) {
	for _, tc := range []struct {
		allowed, sent string
		status        int
	}{
		{"https://shop.example", "https://shop.example", 426},
		{"https://shop.example", "http://shop.example", 403},
		{"https://Shop.Example/", "https://shop.example", 426},
		{"https://shop.example:", "https://shop.example", 426},
		{"https://shop.example:443", "https://shop.example", 426},
		{"http://shop.example:0080", "http://shop.example", 426},
		{"https://shop.example:8443", "https://shop.example:8443", 426},
		{"https://shop.example:8443", "https://shop.example", 403},
		{"https://my_shop.example", "https://my_shop.example", 426},
		{"http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000", 426},
		{"http://[2001:DB8::0:1]", "http://[2001:db8::1]", 426},
		{"http://[::ffff:192.0.2.1]", "http://[::ffff:c000:201]", 426},
		{"http://127.0.0.1:3000", "http://127.0.0.1:3000", 426},
		{"capacitor://localhost", "capacitor://localhost", 426},
		{"https://*.shop.example", "https://app.shop.example", 426},
		{"https://*.shop.example", "https://a.b.shop.example", 426},
		{"https://*.shop.example", "https://shop.example", 403},
		{"https://*.shop.example", "https://evilshop.example", 403},
		{"https://*.shop.example", "http://app.shop.example", 403},
		{"https://*.shop.example", "https://app.shop.example:8443", 403},
		{"https://*.shop.example:8443", "https://app.shop.example:8443", 426},
	} {
		t.Run(tc.allowed+" "+tc.sent, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, func(c *pull.Config) { c.AllowedOrigins = []string{tc.allowed} })
				defer a.stop(t)

				if got := a.get(t, "/pull", userHeader, "42", "Origin", tc.sent).StatusCode; got != tc.status {
					t.Errorf("got status %d, want %d", got, tc.status)
				}
			})
		})
	}
}

func TestOriginThatCannotMatchIsAnError(t *testing.T) {
	for _, origin := range []string{
		"", "*", "null", "shop.example", "//shop.example", "localhost:3000", "https://", "https://:443", "https://shop.example/app",
		"https://shop.example?", "https://shop.example#", "https://shop.example/?q=1", "https://ann@shop.example", "https://shop.example:port",
		"https://shop.example:70000", "wss://shop.example", "file://shop", "https://*", "https://*.", "https://*shop.example",
		"https://app.*.example", "https://*.*.example", "https://shop.example:*", "*://shop.example", "https://*.192.0.2.1", "https://*.[::1]",
		"http://127.1", "http://0x7f000001", "http://192.0.2.256", "http://[::1", "http://[fe80::1%25eth0]", "https://shop example",
		" https://shop.example", "https://магазин.рф", "https://*.bücher.example",
	} {
		_, err := pull.New(pull.Config{
			User:           func(echo.Context) (string, error) { return "42", nil },
			AllowedOrigins: []string{origin},
		})
		if err == nil || !strings.Contains(err.Error(), strconv.Quote(origin)) {
			t.Errorf("%q: got %v, want an error that names it", origin, err)
		}
	}
}

func TestRefusedOriginIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logged := new(lines)
		a := newApp(t, func(c *pull.Config) { c.Logger = slog.New(slog.NewTextHandler(logged, nil)) })
		defer a.stop(t)
		lines := func() int { return logged.count("pull: origin not allowed") }

		for range 5 {
			a.get(t, "/pull", userHeader, "42", "Origin", "https://app.test")
		}
		if got := logged.String(); lines() != 1 || !strings.Contains(got, "origin=https://app.test host=app.test scheme=http\n") {
			t.Fatalf("logged %q, want one line with the origin, the host and the scheme", got)
		}
		a.get(t, "/pull", userHeader, "42", "Origin", "https://other.test")
		pass(time.Minute)
		a.do(t, http.MethodPost, "/pull/watch", `{"extend":[]}`, userHeader, "42", "Origin", "https://app.test")
		if lines() != 3 {
			t.Errorf("logged %d lines, want one for another origin and one a minute later", lines())
		}
		for i := range 10_000 {
			a.get(t, "/pull", userHeader, "42", "Origin", "https://"+strconv.Itoa(i)+".test")
		}
		if lines() > 150 {
			t.Errorf("logged %d lines for invented origins, want a bounded number", lines())
		}
	})
}

func TestProbeIsJudgedByTheOriginOfItsPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.AllowedOrigins = []string{"https://friend.test"} })
		defer a.stop(t)
		for _, tc := range []struct {
			query, header string
			status        int
		}{
			{"", "", 426},
			{"http://app.test", "", 426},
			{"https://app.test", "", 403}, // the proxy does not say that it is https
			{"null", "", 403},
			{"http://app.test", "http://evil.test", 403}, // never less strict
			{"https://friend.test", "https://friend.test", 426},
		} {
			if got := a.get(t, "/pull?origin="+tc.query, userHeader, "42", "Origin", tc.header).StatusCode; got != tc.status {
				t.Errorf("page of %q with Origin %q: got status %d, want %d", tc.query, tc.header, got, tc.status)
			}
		}
	})
}
