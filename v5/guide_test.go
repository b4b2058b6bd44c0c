package pull_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/echo-pull/pull/v5"
)

// The tests of this file contain the code in docs/echo-v5.md.

// connectFrom connects a page in a bubble until the test ends. It returns the
// response so far.
func connectFrom(t *testing.T, e *echo.Echo, target, remote string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	t.Cleanup(leave)
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	r.RemoteAddr = remote
	r.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	go e.ServeHTTP(w, r)
	synctest.Wait()
	return w
}

// Without an IPExtractor, Echo v5 trusts no client header, so all guests behind a
// proxy share the limits of one address.
func TestGuestsBehindAProxyNeedAnIPExtractor(t *testing.T) {
	for _, tc := range []struct {
		name, header string
		extractor    echo.IPExtractor
		want         int
	}{
		{"none", echo.HeaderXForwardedFor, nil, http.StatusTooManyRequests},
		{"none", echo.HeaderXRealIP, nil, http.StatusTooManyRequests},
		{"of the header", echo.HeaderXForwardedFor, echo.ExtractIPFromXFFHeader(), http.StatusOK},
		{"of the header", echo.HeaderXRealIP, echo.ExtractIPFromRealIPHeader(), http.StatusOK},
		{"as in Echo v4", echo.HeaderXRealIP, echo.LegacyIPExtractor(), http.StatusOK},
	} {
		t.Run(tc.name+"/"+tc.header, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const proxy = "10.0.0.1:1234"
				s := newShop(t, func(c *pull.Config) { c.Guests, c.MaxGuestsPerAddress = true, 1 })
				t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
				e := echo.New()
				e.IPExtractor = tc.extractor
				e.Use(s.Middleware())
				s.Mount(e.Group("/pull"))

				first := connectFrom(t, e, "/pull", proxy, tc.header, "203.0.113.1").Code
				second := connectFrom(t, e, "/pull", proxy, tc.header, "203.0.113.2").Code

				if first != http.StatusOK || second != tc.want {
					t.Errorf("got %d and %d, want 200 and %d", first, second, tc.want)
				}
			})
		})
	}
}

// Echo trusts a proxy with a public address only if it is configured.
func TestProxyWithAPublicAddressNeedsASchemeExtractor(t *testing.T) {
	const public, private = "192.0.2.1:1234", "10.0.0.1:1234"
	for _, tc := range []struct {
		remote string
		named  bool
		want   int
	}{
		{private, false, http.StatusOK},
		{public, false, http.StatusForbidden},
		{public, true, http.StatusOK},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, e := newShop(t, nil), echo.New()
			t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
			if tc.named {
				_, proxy, err := net.ParseCIDR("192.0.2.0/24") // where the proxy is
				if err != nil {
					t.Fatal(err)
				}
				e.IPExtractor = echo.ExtractIPFromXFFHeader(echo.TrustIPRange(proxy))
				e.SchemeExtractor = echo.ExtractSchemeFromHeaders(echo.TrustIPRange(proxy))
			}
			e.Use(s.Middleware())
			s.Mount(e.Group("/pull"))

			got := connectFrom(t, e, "http://shop.test/pull", tc.remote, shopper, "42",
				echo.HeaderXForwardedProto, "https", "Origin", "https://shop.test").Code

			if got != tc.want {
				t.Errorf("%s, named %t: got %d, want %d", tc.remote, tc.named, got, tc.want)
			}
		})
	}
}

// Echo gives a group with middleware its own routes for unknown paths.
func TestUnknownPathBelowTheMountGetsTheResponseOfTheLogin(t *testing.T) {
	login := func(echo.HandlerFunc) echo.HandlerFunc {
		return func(*echo.Context) error { return echo.ErrUnauthorized }
	}
	for _, tc := range []struct {
		config echo.Config
		login  []echo.MiddlewareFunc
		want   int
	}{
		{echo.Config{}, nil, http.StatusNotFound},
		{echo.Config{}, []echo.MiddlewareFunc{login}, http.StatusUnauthorized},
		{echo.Config{NoGroupAutoRegister404Routes: true}, []echo.MiddlewareFunc{login}, http.StatusNotFound},
	} {
		s, e := newShop(t, nil), echo.NewWithConfig(tc.config)
		t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
		e.Use(s.Middleware())
		s.Mount(e.Group("/pull", tc.login...))

		if got := ask(e, http.MethodGet, "/pull/nothing").Code; got != tc.want {
			t.Errorf("%+v: got %d, want %d", tc.config, got, tc.want)
		}
	}
}

// The single-page application of docs/getting-started.md.
func TestTokenConnectsAPageOfAnotherOriginToEcho5(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const origin = "https://app.shop.example"
		verify := func(token string) (user string, err error) {
			if user, valid := strings.CutPrefix(token, "valid-"); valid {
				return user, nil
			}
			return "", errors.New("not a token of ours")
		}
		s := newShop(t, func(c *pull.Config) {
			c.User = func(c *echo.Context) (string, error) {
				user, _ := c.Get("user").(string)
				return user, nil
			}
			c.AllowedOrigins = []string{origin}
		})
		t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
		login := middleware.KeyAuthWithConfig(middleware.KeyAuthConfig{
			KeyLookup: "header:Authorization:Bearer ,cookie:token", // a request has the header, the connection the cookie
			Validator: func(c *echo.Context, token string, _ middleware.ExtractorSource) (bool, error) {
				user, err := verify(token)
				c.Set("user", user)
				return err == nil, nil
			},
			ErrorHandler: func(*echo.Context, error) error { return echo.ErrUnauthorized },
		})
		e := newEcho()
		e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
			AllowOrigins:     []string{origin},
			AllowCredentials: true,
			AllowHeaders:     []string{echo.HeaderAuthorization, echo.HeaderContentType, pull.HeaderClient},
			ExposeHeaders:    []string{"Pull-Cursor"},
		}), s.Middleware())
		s.Mount(e.Group("/pull", login))
		e.GET("/api/tasks", pull.Handler(func(c *pull.Context) error {
			c.Response().Header().Set("Pull-Cursor", c.Pull().Cursor())
			return c.JSON(http.StatusOK, []string{"Write it down"})
		}), login)

		cursor := ask(e, http.MethodGet, "/api/tasks", "Origin", origin, "Authorization", "Bearer valid-42").Header().Get("Pull-Cursor")
		s.mark(t, "missed")
		page := connectFrom(t, e, "/pull?cursor="+cursor, "192.0.2.1:1234", "Origin", origin, "Cookie", "token=valid-42")
		synctest.Wait()

		if got := page.Body.String(); !strings.Contains(got, `"user":"42","recovered":true`) || !strings.Contains(got, "missed") {
			t.Errorf("the page got %d %s, want the event since its cursor", page.Code, got)
		}
		for _, cookie := range []string{"", "token=forged"} {
			if got := connectFrom(t, e, "/pull", "192.0.2.1:1234", "Origin", origin, "Cookie", cookie).Code; got != http.StatusUnauthorized {
				t.Errorf("cookie %q: got %d, want 401", cookie, got)
			}
		}
		if got := connectFrom(t, e, "/pull", "192.0.2.1:1234", "Origin", "https://evil.example", "Cookie", "token=valid-42").Code; got != http.StatusForbidden {
			t.Errorf("another origin: got %d, want 403", got)
		}
	})
}
