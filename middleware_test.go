package pull_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/echo-pull/pull"
)

// announce sends the event by which the epilogue's tests tell what left.
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
				c.Response().Flush()
			}
			return nil
		}, true},
		{"file", func(c pull.Context) error { return c.File("go.mod") }, true},
		{"nothing written", func(pull.Context) error { return nil }, true},
		{"returned HTTPError", func(pull.Context) error { return echo.ErrConflict }, false},
		{"returned plain error", func(pull.Context) error { return errBroken }, false},
		{"4xx written", func(c pull.Context) error { return c.String(http.StatusConflict, "no") }, false},
		{"5xx written", func(c pull.Context) error { return c.NoContent(http.StatusBadGateway) }, false},
		{"error handled by the handler", func(c pull.Context) error { c.Error(errBroken); return nil }, false},
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

// testEpilogue runs a handler that sends "announced", and then sends "after":
// the page sees both, or only the second.
func testEpilogue(t *testing.T, method string, outer, own []echo.MiddlewareFunc, leaves bool, handler func(pull.Context) error) {
	t.Helper()
	a := newApp(t, nil)
	defer a.stop(t)
	e := echo.New() // the harness's has the middleware in front already
	e.Logger.SetOutput(io.Discard)
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
	if err := a.Send(t.Context(), pull.User("42"), event("after", nil)); err != nil {
		t.Fatal(err)
	}

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
			<-c.Request().Context().Done() // the client is gone
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
			return echo.ErrTeapot
		}))
		p := a.dial(t, "42", "")
		p.hello(t)

		a.get(t, "/")

		if got := p.event(t).Command; got != "announced" {
			t.Errorf("got %q, want %q", got, "announced")
		}
	})
}

func TestSendAfterTheHandlerIsTooLate(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	var left sync.WaitGroup
	late := make(chan error, 10_000)
	a.echo.GET("/", pull.Handler(func(c pull.Context) error {
		o, ended := c.Pull(), c.Request().Context().Done()
		left.Go(func() {
			<-ended
			late <- o.Send(pull.Shared(), event("late", nil))
			late <- o.Flush(context.WithoutCancel(t.Context()))
			late <- o.Watch("LATE")
		})
		return c.NoContent(http.StatusOK)
	}))

	for range 2_000 {
		ctx, cancel := context.WithCancel(t.Context())
		a.echo.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
		cancel()
	}
	left.Wait()
	close(late)

	for err := range late {
		if !errors.Is(err, pull.ErrTooLate) {
			t.Fatalf("got %v, want ErrTooLate", err)
		}
	}
	if got := a.Stats().Messages; got != 0 {
		t.Errorf("%d messages left, want none", got)
	}
}

func TestRequestsInParallelKeepTheirEventsApart(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	a.echo.GET("/:user/:fails", pull.Handler(func(c pull.Context) error {
		for _, command := range []string{"one", "two"} {
			if err := c.Pull().Send(pull.User(c.Param("user")), event(command, map[string]any{"user": c.Param("user")})); err != nil {
				return err
			}
		}
		if c.Param("fails") == "yes" {
			return echo.ErrTeapot
		}
		return c.NoContent(http.StatusOK)
	}))
	pages := map[string]*page{"7": a.dial(t, "7", ""), "8": a.dial(t, "8", "")}
	for _, p := range pages {
		p.hello(t) // only now it hears
	}
	const each = 300

	var requests sync.WaitGroup
	for user := range pages {
		for _, fails := range []string{"yes", "no"} {
			requests.Go(func() {
				for range each {
					r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+user+"/"+fails, nil)
					a.echo.ServeHTTP(httptest.NewRecorder(), r)
				}
			})
		}
	}
	requests.Wait()

	for user, p := range pages {
		for range each {
			for _, command := range []string{"one", "two"} {
				if m := p.event(t); m.Command != command || m.Params["user"] != user {
					t.Fatalf("user %s got %s of user %v, want %s", user, m.Command, m.Params["user"], command)
				}
			}
		}
	}
}

func TestFromFindsTheOutboxWhereOnlyAContextIsAtHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.GET("/", func(c echo.Context) error {
			ctx, cancel := context.WithTimeout(c.Request().Context(), time.Second)
			defer cancel()
			return pull.From(ctx).Send(pull.User("42"), event("announced", nil))
		})
		p := a.dial(t, "42", "")
		p.hello(t)

		a.get(t, "/")

		if got := p.event(t).Command; got != "announced" {
			t.Errorf("got %q, want %q", got, "announced")
		}
		if err := pull.From(t.Context()).Send(pull.Shared(), event("x", nil)); !errors.Is(err, pull.ErrNoOutbox) {
			t.Errorf("got %v, want ErrNoOutbox", err)
		}
	})
}

func TestSkippedRequestHasNoOutbox(t *testing.T) {
	a := newApp(t, func(c *pull.Config) { c.Skipper = func(echo.Context) bool { return true } })
	defer a.stop(t)
	var got error
	a.echo.GET("/", pull.Handler(func(c pull.Context) error { got = announce(c); return nil }))

	a.echo.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))

	if !errors.Is(got, pull.ErrNoOutbox) {
		t.Errorf("got %v, want ErrNoOutbox", got)
	}
}

func TestRequestThatIsServedAgainGetsAnotherOutbox(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	var got error
	a.echo.GET("/", pull.Handler(func(c pull.Context) error { got = announce(c); return got }))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)

	for range 3 {
		a.echo.ServeHTTP(httptest.NewRecorder(), r)
	}

	if got != nil {
		t.Errorf("got %v, want nil", got)
	}
}

func TestKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.GET("/", pull.Handler(func(c pull.Context) error {
			for i, send := range []struct {
				to  pull.Target
				key string
			}{
				{pull.User("42"), "progress"},
				{pull.User("42"), ""},
				{pull.Shared(), "progress"}, // another target
				{pull.User("42"), "progress"},
			} {
				e := event("update", map[string]any{"n": i})
				e.Key = send.key
				if err := c.Pull().Send(send.to, e); err != nil {
					return err
				}
			}
			return nil
		}))
		p := a.dial(t, "42", "")
		p.hello(t)

		a.get(t, "/")

		for _, want := range []float64{1, 2, 3} {
			if got := p.event(t).Params["n"]; got != want {
				t.Errorf("got event %v, want %v", got, want)
			}
		}
		if s := a.Stats(); s.PublisherEvents != 0 || s.PublisherBytes != 0 {
			t.Errorf("%d events and %d bytes are still reserved, want none", s.PublisherEvents, s.PublisherBytes)
		}
	})
}

func TestExceptSenderSparesThePageThatAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.GET("/", pull.Handler(func(c pull.Context) error {
			e := event("update", nil)
			e.ExceptSender = true
			if err := c.Pull().Send(pull.User("42"), e); err != nil {
				return err
			}
			return c.Pull().Send(pull.User("42"), event("last", nil))
		}))
		mine, other := a.dial(t, "42", "?client=mine"), a.dial(t, "42", "?client=other")
		mine.hello(t)
		other.hello(t)

		a.get(t, "/", pull.HeaderClient, "mine")

		if got := mine.event(t).Command; got != "last" {
			t.Errorf("the sender's page got %q first, want %q", got, "last")
		}
		if got := other.event(t).Command; got != "update" {
			t.Errorf("the other page got %q first, want %q", got, "update")
		}
	})
}
