package main

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// user returns the name in the cookie, which anybody can choose: a real
// application has its own login here.
func user(c echo.Context) (string, error) {
	if cookie, err := c.Cookie("name"); err == nil {
		return url.QueryUnescape(cookie.Value)
	}
	return "", nil // a guest
}

// enter lets users with a name in. Without one, a person is asked for a name and
// a program gets an error.
func (a *app) enter(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		name, err := user(c)
		switch {
		case err == nil && name != "":
			c.Set("user", name)
			return next(c)
		case wantsPage(c.Request()):
			return c.Render(http.StatusOK, "login", map[string]any{"Head": a.pull.Head(c), "Request": c})
		default:
			return echo.NewHTTPError(http.StatusUnauthorized, "the cookie with your name is missing")
		}
	}
}

// policy forbids everything that the pages do not need.
func policy(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Set("nonce", rand.Text())
		c.Response().Header().Set(echo.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'self'; "+
			"connect-src 'self'; img-src 'self' data:; script-src 'nonce-"+nonce(c)+"'; worker-src 'self'; "+
			"base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		return next(c)
	}
}

func nonce(c echo.Context) string { return c.Get("nonce").(string) }

// wantsPage reports whether a browser has requested a page for a person, for
// example by following a link.
func wantsPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		strings.Contains(r.Header.Get(echo.HeaderAccept), echo.MIMETextHTML)
}
