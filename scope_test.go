package pull_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestTwoPluginsServeARequestEachWithItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop, staff := newApp(t, nil), newApp(t, nil)
		defer shop.stop(t)
		defer staff.stop(t)
		if err := staff.Register(pull.Module{ID: "tasks", Use: pull.AdminSection}); err != nil {
			t.Fatal(err)
		}
		e := shop.echo // has the shop's middleware, and the shop at /pull
		e.Use(staff.Middleware(), shop.Middleware(), staff.Middleware())
		staff.Mount(e.Group("/staff/pull"))
		e.GET("/", pull.Handler(func(c pull.Context) error {
			ctx := c.Request().Context()
			if c.Pull() != staff.Outbox(ctx) || pull.From(ctx) != c.Pull() || shop.Outbox(ctx) == c.Pull() || shop.Outbox(ctx) == nil {
				t.Error("want the innermost outbox, and each plugin's own")
			}
			if err := errors.Join(
				shop.Outbox(ctx).Send(pull.User("42"), event("shop", nil)),
				staff.Outbox(ctx).Send(pull.User("42"), event("staff", nil)),
			); err != nil {
				return err
			}
			if shop.Outbox(ctx).Cursor() == staff.Outbox(ctx).Cursor() {
				t.Error("got the same cursor twice, want each log's own")
			}
			return c.HTML(http.StatusOK, headOf(c, shop.Plugin)+"\n"+headOf(c, staff.Plugin))
		}), shop.Section(pull.PublicSection), staff.Section(pull.AdminSection))
		pages := map[string]*page{"shop": shop.dial(t, "42", ""), "staff": staff.dial(t, "42", "")}
		hellos := make(map[string]message)
		for name, p := range pages {
			hellos[name] = p.hello(t)
		}

		heads := strings.Split(text(shop.get(t, "/", userHeader, "42")), "\n")

		for i, name := range []string{"shop", "staff"} {
			mount := []string{"/pull", "/staff/pull"}[i]
			if got := heads[i]; !strings.Contains(got, `data-url="`+mount+`"`) || !strings.Contains(got, hellos[name].Params["epoch"].(string)) {
				t.Errorf("%s: got %s, want its own address and log", name, got)
			}
			if got := pages[name].event(t).Command; got != name {
				t.Errorf("the page of %s got %s", name, got)
			}
		}
		if got := shop.Outbox(t.Context()); got != nil {
			t.Errorf("got %v outside of a request, want nil", got)
		}
	})
}

func TestUserIsAskedOncePerRequest(t *testing.T) {
	for _, middleware := range []bool{true, false} {
		var asked atomic.Int64
		s := newSite(t, func(c *pull.Config) {
			c.User = func(echo.Context) (string, error) { asked.Add(1); return "42", nil }
		})
		if middleware {
			s.Use(s.Middleware())
		}
		s.Mount(s.Group("/pull"))
		s.GET("/page", func(c echo.Context) error {
			var all sync.WaitGroup
			for range 8 {
				if o := pull.From(c.Request().Context()); o != nil {
					all.Go(func() {
						if err := o.Watch("TASK_7"); err != nil {
							t.Error(err)
						}
					})
				}
			}
			all.Wait()
			s.Head(c)
			return s.page(c)
		})
		s.GET("/inner", func(c echo.Context) error {
			s.Head(c)
			c.Request().URL.Path = "/pull"
			return serveAgain(c)
		})

		for target, want := range map[string]string{"/page": `data-user="42"`, "/pull": "connect", "/inner": "connect"} {
			asked.Store(0)
			got := s.serve(http.MethodGet, target).Body.String()
			if asked.Load() != 1 || !strings.Contains(got, want) {
				t.Errorf("%s, middleware %t: asked %d times for %s, want once", target, middleware, asked.Load(), got)
			}
		}
	}
}

func TestUserMayUseTheOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var watching error
		a := newApp(t, func(c *pull.Config) {
			c.User = func(c echo.Context) (string, error) {
				o := pull.From(c.Request().Context())
				if o.Cursor() == "" {
					t.Error("got no cursor")
				}
				if c.Path() == "/" {
					watching = o.Watch("TASK_7")
				}
				return "42", o.Send(pull.User("42"), event("seen", nil))
			}
		})
		defer a.stop(t)
		a.echo.GET("/", func(c echo.Context) error { return c.HTML(http.StatusOK, string(a.Head(c))) })
		p := a.dial(t, "42", "")
		p.hello(t)

		if got := text(a.get(t, "/")); !strings.Contains(got, `data-user="42"`) {
			t.Errorf("got %s, want the user", got)
		}

		if got := p.event(t).Command; got != "seen" {
			t.Errorf("got %s, want seen", got)
		}
		if watching == nil || !strings.Contains(watching.Error(), "Config.User") {
			t.Errorf("a watch within Config.User: got %v, want an error that names it", watching)
		}
	})
}

// A goroutine that reads while its handler ends must not read the next request's
// echo.Context.
func TestRequestEndsAfterTheCallOfUser(t *testing.T) {
	called, returned := make(chan struct{}), make(chan struct{})
	var reading atomic.Bool
	s := newSite(t, func(c *pull.Config) {
		c.User = func(request echo.Context) (string, error) {
			reading.Store(true)
			close(called)
			<-returned
			for pull.From(request.Request().Context()).Flush(t.Context()) == nil { // until the epilogue has begun
				runtime.Gosched()
			}
			for range 1000 { // it must wait
				runtime.Gosched()
			}
			reading.Store(false)
			return "42", nil
		}
	})
	s.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			if reading.Load() {
				t.Error("the request ended while Config.User was reading it")
			}
			return err
		}
	}, s.Middleware())
	late := make(chan error, 2)
	s.GET("/", func(c echo.Context) error {
		o := pull.From(c.Request().Context())
		go func() { late <- o.Watch("TASK_7"); late <- o.Watch("TASK_7") }()
		<-called
		close(returned)
		return c.NoContent(http.StatusNoContent)
	})

	s.serve(http.MethodGet, "/")

	for range 2 {
		if err := <-late; !errors.Is(err, pull.ErrTooLate) {
			t.Errorf("got %v, want ErrTooLate", err)
		}
	}
}

// The login of the mount may be that of another Echo.
func TestUserIsThatOfAnInnerEcho(t *testing.T) {
	s := newSite(t, func(c *pull.Config) {
		c.User = func(c echo.Context) (string, error) {
			user, _ := c.Get("user").(string)
			return user, nil
		}
	})
	inner := echo.New()
	s.Mount(inner.Group("/pull", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Set("user", "42")
			return next(c)
		}
	}))
	s.Use(s.Middleware())
	s.Any("/*", echo.WrapHandler(inner))

	if w := s.serve(http.MethodGet, "/pull"); w.Code != http.StatusUpgradeRequired {
		t.Errorf("a probe got %d, want 426: %s", w.Code, w.Body)
	}
}

func TestUserThatPanicsIsNoGuest(t *testing.T) {
	s := newSite(t, func(c *pull.Config) {
		c.Guests = true
		c.User = func(echo.Context) (string, error) { panic("no database") }
	})
	s.Use(s.Middleware())
	s.Mount(s.Group("/pull"))
	s.GET("/page", func(c echo.Context) error {
		func() {
			defer func() { _ = recover() }()
			s.Head(c)
		}()
		return s.page(c)
	})

	if got := s.serve(http.MethodGet, "/page").Body.String(); !strings.Contains(got, `data-off="user"`) {
		t.Errorf("got %s, want that the user is not known", got)
	}
}

func TestRequestServedAgainByTwoPluginsGetsNewOutboxes(t *testing.T) {
	one, two := newSite(t, nil), newSite(t, nil)
	one.Use(one.Middleware(), two.Middleware())
	var outer *pull.Outbox
	one.GET("/", func(c echo.Context) error {
		ctx := c.Request().Context()
		outer = one.Outbox(ctx)
		return errors.Join(outer.Send(pull.Shared(), event("x", nil)), pull.From(ctx).Send(pull.Shared(), event("x", nil)))
	})
	r := request()
	r.URL.Path = "/"
	r = r.WithContext(context.WithoutCancel(r.Context()))
	for range 3 {
		w := &discard{header: make(http.Header)}
		one.ServeHTTP(w, r)
		if w.status >= 400 {
			t.Errorf("got status %d, want success", w.status)
		}
	}
}

type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
