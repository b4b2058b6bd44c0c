package pull_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

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
			return echo.NewHTTPError(http.StatusTeapot, "no coffee")
		}
		return c.NoContent(http.StatusOK)
	}))
	pages := map[string]*page{"7": a.dial(t, "7", ""), "8": a.dial(t, "8", "")}
	for _, p := range pages {
		p.hello(t) // the page begins to read only now
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

func TestGoroutinesOfARequestSendAtOnce(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	const goroutines, each = 8, 20
	a.echo.GET("/", pull.Handler(func(c pull.Context) error {
		errs := make([]error, goroutines)
		begin := make(chan struct{})
		var all sync.WaitGroup
		for g := range goroutines {
			all.Go(func() {
				<-begin
				for i := range each {
					errs[g] = errors.Join(errs[g], c.Pull().Send(pull.User("42"), event("x", map[string]any{"g": g, "i": i})))
				}
			})
		}
		close(begin)
		all.Wait()
		return errors.Join(errs...)
	}))
	p := a.dial(t, "42", "")
	p.hello(t)

	for range 20 {
		a.get(t, "/")

		var next [goroutines]float64
		for range goroutines * each {
			params := p.event(t).Params
			g := int(params["g"].(float64))
			if params["i"] != next[g] {
				t.Fatalf("goroutine %d: got event %v, want %v", g, params["i"], next[g])
			}
			next[g]++
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

		a.get(t, "/", pull.HeaderClient, "mine", userHeader, "42")

		if got := mine.event(t).Command; got != "last" {
			t.Errorf("the sender's page got %q first, want %q", got, "last")
		}
		if got := other.event(t).Command; got != "update" {
			t.Errorf("the other page got %q first, want %q", got, "update")
		}
	})
}
