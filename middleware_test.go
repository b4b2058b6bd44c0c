package pull_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/echo-pull/pull"
)

// announce sends the event that shows whether the epilogue has published it.
func announce(c pull.Context) error { return c.Pull().Send(pull.User("42"), event("announced", nil)) }

func TestEpilogue(t *testing.T) {
	errBroken := errors.New("broken")
	for _, tc := range []struct {
		name    string
		handler func(pull.Context) error
		leaves  bool
	}{
		{"JSON", func(c pull.Context) error { return c.JSON(http.StatusOK, "done") }, true},
		{"no content", func(c pull.Context) error { return c.NoContent(http.StatusNoContent) }, true},
		{"redirect", func(c pull.Context) error { return c.Redirect(http.StatusFound, "/elsewhere") }, true},
		{"not modified", func(c pull.Context) error { return c.NoContent(http.StatusNotModified) }, true},
		{"stream of several writes", func(c pull.Context) error {
			for range 3 {
				if _, err := c.Response().Write([]byte("part")); err != nil {
					return err
				}
				if err := http.NewResponseController(c.Response()).Flush(); err != nil {
					return err
				}
			}
			return nil
		}, true},
		{"file", func(c pull.Context) error { return c.File("go.mod") }, true},
		{"nothing written", func(pull.Context) error { return nil }, true},
		{"returned HTTPError", func(pull.Context) error { return echo.NewHTTPError(http.StatusConflict, "edited by another user") }, false},
		{"returned plain error", func(pull.Context) error { return errBroken }, false},
		{"4xx written", func(c pull.Context) error { return c.String(http.StatusConflict, "no") }, false},
		{"5xx written", func(c pull.Context) error { return c.NoContent(http.StatusBadGateway) }, false},
		{"error handled by the handler", func(c pull.Context) error { handleError(c, errBroken); return nil }, false},
		{"committed, then fails", func(c pull.Context) error {
			if err := c.String(http.StatusOK, "so far"); err != nil {
				return err
			}
			return errBroken
		}, false},
		{"panic", func(pull.Context) error { panic("at the disco") }, false},
		{"discarded", func(c pull.Context) error { c.Pull().Discard(); return c.NoContent(http.StatusOK) }, false},
		{"flushed, then fails", func(c pull.Context) error {
			if err := c.Pull().Flush(c.Request().Context()); err != nil {
				return err
			}
			return errBroken
		}, true},
	} {
		for _, around := range []struct {
			name       string
			outer, own []echo.MiddlewareFunc
		}{
			{name: "Recover outside", outer: []echo.MiddlewareFunc{middleware.Recover()}},
			{name: "Recover inside", own: []echo.MiddlewareFunc{middleware.Recover()}, outer: []echo.MiddlewareFunc{middleware.Recover()}},
			{name: "Gzip", outer: []echo.MiddlewareFunc{middleware.Recover(), middleware.Gzip()}},
			{name: "twice", outer: []echo.MiddlewareFunc{middleware.Recover()}, own: []echo.MiddlewareFunc{nil}},
		} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				t.Run(tc.name+"/"+around.name+"/"+method, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						testEpilogue(t, method, around.outer, around.own, tc.leaves, func(c pull.Context) error {
							if err := announce(c); err != nil {
								return err
							}
							return tc.handler(c)
						})
					})
				})
			}
		}
	}
}

// testEpilogue runs a handler that sends "announced", and then sends "after". The
// page receives both or only the second.
func testEpilogue(t *testing.T, method string, outer, own []echo.MiddlewareFunc, leaves bool, handler func(pull.Context) error) {
	t.Helper()
	a := newApp(t, nil)
	defer a.stop(t)
	e := newEcho() // the app's own Echo already has the middleware
	e.Use(outer...)
	e.Use(a.Middleware())
	for _, m := range own {
		if m == nil {
			m = a.Middleware()
		}
		e.Use(m)
	}
	e.Add(method, "/", pull.Handler(handler))
	p := a.dial(t, "42", "")
	p.hello(t)

	r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
	r.Header.Set(echo.HeaderAcceptEncoding, "gzip")
	e.ServeHTTP(httptest.NewRecorder(), r)
	send(t, a, pull.User("42"), "after")

	first := p.event(t).Command
	if want := map[bool]string{true: "announced", false: "after"}[leaves]; first != want {
		t.Errorf("first event is %q, want %q", first, want)
	}
	if first == "announced" {
		if second := p.event(t).Command; second != "after" {
			t.Errorf("second event is %q, want %q: the epilogue runs once", second, "after")
		}
	}
}

func TestEpilogueAfterAnUpgradeOfTheAppsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.GET("/own", pull.Handler(func(c pull.Context) error {
			conn, err := new(websocket.Upgrader).Upgrade(c.Response(), c.Request(), nil)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			return announce(c)
		}))
		p := a.dial(t, "42", "")
		p.hello(t)

		d := websocket.Dialer{NetDialContext: a.listener.Dial}
		conn, _, err := d.DialContext(t.Context(), "ws://app.test/own", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()

		if got := p.event(t).Command; got != "announced" {
			t.Errorf("got %q, want %q", got, "announced")
		}
	})
}

func TestClientThatHasGoneAwayStillAnnounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		arrived := make(chan struct{})
		a.echo.GET("/slow", pull.Handler(func(c pull.Context) error {
			close(arrived)
			<-c.Request().Context().Done() // the client has disconnected
			return announce(c)
		}))
		p := a.dial(t, "42", "")
		p.hello(t)

		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://app.test/slow", nil)
		if response, err := a.client.Do(r); err == nil {
			_ = response.Body.Close()
			t.Error("the request succeeded, want it cancelled")
		}

		if got := p.event(t).Command; got != "announced" {
			t.Errorf("got %q, want %q", got, "announced")
		}
	})
}

func TestCommitReplacesTheRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) {
			c.Commit = func(_ echo.Context, err error) bool { return err != nil }
		})
		defer a.stop(t)
		a.echo.GET("/", pull.Handler(func(c pull.Context) error {
			if err := announce(c); err != nil {
				return err
			}
			return echo.NewHTTPError(http.StatusTeapot, "no coffee")
		}))
		p := a.dial(t, "42", "")
		p.hello(t)

		a.get(t, "/")

		if got := p.event(t).Command; got != "announced" {
			t.Errorf("got %q, want %q", got, "announced")
		}
	})
}
