package pull_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/echo-pull/pull/v5"

	"github.com/echo-pull/pull/internal/memnet"
)

// pages are the two ways to connect.
var pages = map[string]func(*shop, *testing.T, ...string) *shopWindow{"stream": (*shop).look, "socket": (*shop).lookBySocket}

// Echo's StartConfig sets a ReadTimeout of 30 seconds, and an application may set a
// WriteTimeout. They are for requests that end, not for pages.
func TestPagesOutliveTheTimeoutsOfTheServer(t *testing.T) {
	for name, look := range pages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, nil)
				s.open()
				defer s.close(t)
				if got := s.server.http.ReadTimeout; got != 30*time.Second {
					t.Errorf("Echo's ReadTimeout is %s, want the 30s that this test is about", got)
				}
				s.server.http.WriteTimeout = 30 * time.Second
				w := look(s, t)
				defer w.close()

				for range 10 {
					s.mark(t, "offer")
					w.sees(t, "offer")
					<-time.After(time.Minute)
				}
			})
		})
	}
}

// Start ends with its context and does not wait for pages. Events of running
// requests are still published and reach them.
func TestGracefulShutdownWithOpenPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, nil)
		arrived, release := make(chan struct{}), make(chan struct{})
		s.open()
		s.echo.GET("/slow", pull.Handler(func(c *pull.Context) error {
			close(arrived)
			<-release
			return offer(c)
		}))
		stream, socket := s.look(t), s.lookBySocket(t)
		defer stream.close()
		defer socket.close()
		client := http.Client{Transport: &http.Transport{DialContext: s.network.Dial, DisableKeepAlives: true}}
		slow := make(chan error, 1)
		go func() {
			response, err := client.Get("http://shop.test/slow")
			if err == nil {
				err = response.Body.Close()
			}
			slow <- err
		}()
		<-arrived
		began := time.Now()

		s.server.stop()
		close(release)
		if err := <-slow; err != nil {
			t.Errorf("the request under way: %v", err)
		}
		if err := s.server.shutdown(t.Context()); err != nil {
			t.Errorf("Echo: %v", err)
		}
		socket.sees(t, "offer")
		stream.sees(t, "offer")
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("the plugin: %v", err)
		}

		if _, err := socket.next(); !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
			t.Errorf("the socket ended with %v, want 1012", err)
		}
		stream.sees(t, "close")
		if _, err := stream.next(); !errors.Is(err, io.EOF) {
			t.Errorf("the stream ended with %v, want its end", err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %s, want no waiting for the GracefulTimeout", took)
		}
	})
}

// Middleware with writers around Echo's response delays nothing, and its hooks on
// the response run, such as one that renews a session cookie.
func TestPagesConnectThroughTheWritersOfMiddleware(t *testing.T) {
	for around, m := range map[string][]echo.MiddlewareFunc{
		"Gzip":      {middleware.Gzip()},
		"long Gzip": {middleware.GzipWithConfig(middleware.GzipConfig{MinLength: 1 << 10})},
		"BodyDump":  {dumpBody()},
		"net/http":  {echo.WrapMiddleware(func(next http.Handler) http.Handler { return next })},
		"all":       {middleware.Gzip(), dumpBody(), echo.WrapMiddleware(func(next http.Handler) http.Handler { return next }), middleware.Gzip()},
	} {
		for name, look := range pages {
			for _, group := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/group=%t", around, name, group), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s := newShop(t, nil)
						m := append([]echo.MiddlewareFunc{rolling}, m...)
						if group {
							s.echo.Use(s.Middleware())
							s.Mount(s.echo.Group("/pull", m...))
						} else {
							s.echo.Use(m...)
							s.echo.Use(s.Middleware())
							s.Mount(s.echo.Group("/pull"))
						}
						s.start()
						defer s.close(t)
						w := look(s, t, echo.HeaderAcceptEncoding, "gzip")
						defer w.close()
						s.mark(t, "offer")

						w.sees(t, "offer")

						if got := w.response.Header.Get(echo.HeaderContentEncoding); got != "" {
							t.Errorf("got Content-Encoding %q, want none", got)
						}
						if got := w.response.Cookies(); len(got) != 1 || got[0].Name != "rolled" {
							t.Errorf("got cookies %v, want the one of the hook, once", got)
						}
					})
				})
			}
		}
	}
}

// rolling renews a cookie when the header is written.
func rolling(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		responseOf(c).Before(func() { c.SetCookie(&http.Cookie{Name: "rolled", Value: "yes"}) })
		return next(c)
	}
}

// A logger logs the actual status of a connection.
func TestLoggersSeeTheStatusOfAConnection(t *testing.T) {
	for name, want := range map[string]int{"stream": http.StatusOK, "socket": http.StatusSwitchingProtocols} {
		for _, m := range []echo.MiddlewareFunc{nil, middleware.Gzip()} {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, nil)
				logged := make(chan int, 1)
				s.echo.Use(middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
					LogStatus: true, HandleError: true,
					LogValuesFunc: func(_ *echo.Context, v middleware.RequestLoggerValues) error { logged <- v.Status; return nil },
				}))
				if m != nil {
					s.echo.Use(m)
				}
				s.open()
				w := pages[name](s, t, echo.HeaderAcceptEncoding, "gzip")
				defer w.close()
				s.close(t)

				if got := <-logged; got != want {
					t.Errorf("%s: logged %d, want %d", name, got, want)
				}
			})
		}
	}
}

func TestMountOnEveryRouter(t *testing.T) {
	strict := func() *echo.Echo {
		return echo.NewWithConfig(echo.Config{Logger: newEcho().Logger, Router: echo.NewRouter(echo.RouterConfig{})})
	}
	login := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if c.Request().Header.Get(shopper) == "" {
				return echo.ErrUnauthorized
			}
			return next(c)
		}
	}
	for name, tc := range map[string]struct {
		echo  *echo.Echo
		group func(*echo.Echo) *echo.Group
		at    string
	}{
		"strict":                 {strict(), func(e *echo.Echo) *echo.Group { return e.Group("/pull") }, "/pull"},
		"strict, the root":       {strict(), func(e *echo.Echo) *echo.Group { return e.Group("") }, ""},
		"strict, with a slash":   {strict(), func(e *echo.Echo) *echo.Group { return e.Group("/pull/") }, "/pull"},
		"a login":                {newEcho(), func(e *echo.Echo) *echo.Group { return e.Group("/pull", login) }, "/pull"},
		"a login, no 404 routes": {echo.NewWithConfig(echo.Config{NoGroupAutoRegister404Routes: true}), func(e *echo.Echo) *echo.Group { return e.Group("/pull", login) }, "/pull"},
		"concurrent": {
			echo.NewWithConfig(echo.Config{Router: echo.NewConcurrentRouter(echo.NewRouter(echo.RouterConfig{}))}),
			func(e *echo.Echo) *echo.Group { return e.Group("/pull") }, "/pull",
		},
		"decoded paths": {
			echo.NewWithConfig(echo.Config{Router: echo.NewRouter(echo.RouterConfig{UseEscapedPathForMatching: true, UnescapePathParamValues: true})}),
			func(e *echo.Echo) *echo.Group { return e.Group("/pull") }, "/pull",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, e := newShop(t, nil), tc.echo
			t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
			e.Use(s.Middleware())
			s.Mount(tc.group(e))
			e.GET("/page", func(c *echo.Context) error { return c.HTML(http.StatusOK, string(s.Head(c))) })

			if got := ask(e, http.MethodGet, "/page").Body.String(); !strings.Contains(got, `src="`+tc.at+`/pull.js?v=`) {
				t.Errorf("got %s, want the script below %s", got, tc.at)
			}
			for path, want := range map[string]int{tc.at + "/": 426, tc.at + "/pull.js": 200, tc.at + "/pull.mjs/": 200} {
				if got := ask(e, http.MethodGet, path).Code; got != want {
					t.Errorf("GET %s: got %d, want %d", path, got, want)
				}
			}
			// The script needs no login: its tag cannot send one.
			if got := ask(e, http.MethodGet, tc.at+"/pull.js", shopper, "").Code; got != http.StatusOK {
				t.Errorf("script without a login: got %d, want 200", got)
			}
		})
	}
}

// A virtual host is a separate Echo.
func TestMountOnAVirtualHost(t *testing.T) {
	s, host := newShop(t, nil), newEcho()
	t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
	host.Use(s.Middleware())
	s.Mount(host.Group("/pull"))
	host.GET("/page", func(c *echo.Context) error { return c.HTML(http.StatusOK, string(s.Head(c))) })
	e := echo.NewVirtualHostHandler(map[string]*echo.Echo{"example.com": host})

	if got := ask(e, http.MethodGet, "/page").Body.String(); !strings.Contains(got, `data-url="/pull"`) {
		t.Errorf("got %s, want a page that connects", got)
	}
	if got := ask(e, http.MethodGet, "http://other.test/page").Code; got != http.StatusNotFound {
		t.Errorf("another host: got %d, want 404", got)
	}
}

// Echo may derive HEAD from every GET.
func TestHeadOfTheRoutes(t *testing.T) {
	s := newShop(t, nil)
	t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
	e := echo.NewWithConfig(echo.Config{Router: echo.NewRouter(echo.RouterConfig{AutoHandleHEAD: true, AllowOverwritingRoute: true})})
	e.Use(s.Middleware())
	s.Mount(e.Group("/pull"))

	get, head := ask(e, http.MethodGet, "/pull/pull.js"), ask(e, http.MethodHead, "/pull/pull.js")

	if head.Code != http.StatusOK || head.Header().Get("Etag") != get.Header().Get("Etag") || head.Body.Len() != 0 {
		t.Errorf("script: got %d %v, want the header of GET and no body", head.Code, head.Header())
	}
	if got, want := head.Header().Get("Content-Length"), strconv.Itoa(get.Body.Len()); got != want {
		t.Errorf("script: got Content-Length %q, want %s", got, want)
	}
	for _, headers := range [][]string{nil, {"Accept", "text/event-stream"}} {
		ended, cancel := context.WithCancel(t.Context())
		cancel() // otherwise a stream would not end
		r := httptest.NewRequestWithContext(ended, http.MethodHead, "/pull", nil)
		r.Header.Set(shopper, "42")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != http.StatusUpgradeRequired {
			t.Errorf("connection %v: got %d, want 426", headers, w.Code)
		}
	}
}

// Errors of Echo v5 may have a status without being an *echo.HTTPError.
func TestErrorOfUserKeepsItsStatus(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want int
	}{
		{echo.NewHTTPError(http.StatusPaymentRequired, "unpaid"), http.StatusPaymentRequired},
		{echo.ErrForbidden, http.StatusForbidden},
		{echo.ErrServiceUnavailable.Wrap(errors.New("no database")), http.StatusServiceUnavailable},
		{fmt.Errorf("login: %w", echo.ErrTooManyRequests), http.StatusTooManyRequests},
		{coded(http.StatusTeapot), http.StatusTeapot},
		{errSoldOut, http.StatusUnauthorized},
	} {
		s, e := newShop(t, func(c *pull.Config) { c.User = func(*echo.Context) (string, error) { return "", tc.err } }), newEcho()
		t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
		e.Use(s.Middleware())
		s.Mount(e.Group("/pull"))

		w := ask(e, http.MethodGet, "/pull")

		if w.Code != tc.want || strings.Contains(w.Body.String(), errSoldOut.Error()) {
			t.Errorf("%v: got %d %s, want %d and nothing of the error", tc.err, w.Code, w.Body, tc.want)
		}
	}
}

// The plugin refuses requests with Echo's errors, which the application's own error
// handler receives, with a readable message.
func TestRefusalsReachTheErrorHandler(t *testing.T) {
	s, e := newShop(t, nil), newEcho()
	t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
	var got error
	e.HTTPErrorHandler = func(c *echo.Context, err error) { got = err; _ = c.NoContent(echo.StatusCode(err)) }
	e.Use(s.Middleware())
	s.Mount(e.Group("/pull"))

	w := ask(e, http.MethodGet, "/pull", "Origin", "https://other.test")

	var refusal *echo.HTTPError
	if !errors.As(got, &refusal) || refusal.Code != http.StatusForbidden || !strings.Contains(refusal.Message, "origin") || w.Code != http.StatusForbidden {
		t.Errorf("got %v and status %d, want an *echo.HTTPError with 403", got, w.Code)
	}
}

// Config.User may redirect to a login and return what c.Redirect returns, nil.
// Gzip holds the status back until the handler has returned.
func TestUserThatRedirectsConnectsNobody(t *testing.T) {
	for _, inGroup := range []bool{false, true} {
		s, e := newShop(t, func(c *pull.Config) {
			c.Guests = true
			c.User = func(c *echo.Context) (string, error) { return "", c.Redirect(http.StatusFound, "/login") }
		}), newEcho()
		t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
		if inGroup {
			e.Use(s.Middleware())
			s.Mount(e.Group("/pull", middleware.Gzip()))
		} else {
			e.Use(middleware.Gzip(), s.Middleware())
			s.Mount(e.Group("/pull"))
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel() // otherwise a stream would not end
		r := httptest.NewRequestWithContext(ended, http.MethodGet, "/pull", nil)
		r.Header.Set("Accept", "text/event-stream")
		r.Header.Set(echo.HeaderAcceptEncoding, "gzip")
		w := httptest.NewRecorder()

		e.ServeHTTP(w, r)

		if w.Code != http.StatusFound || w.Body.Len() > 0 {
			t.Errorf("in the group %t: got %d %q, want 302 and nothing more", inGroup, w.Code, w.Body)
		}
	}
}

// flushable supports only Flush, so that a stream remains a response of the server.
type flushable struct{ http.ResponseWriter }

func (f flushable) FlushError() error { return http.NewResponseController(f.ResponseWriter).Flush() }

// If one Echo has two servers, such as for http and https, each ends the responses
// for which it waits.
func TestTwoServersOfOneEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, nil)
		s.echo.Use(echo.WrapMiddleware(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(flushable{w}, r) })
		}))
		s.open()
		here := s.look(t)
		defer here.close()
		second := memnet.Listen()
		other := serve(s.echo, net.Listener(second))
		there := (&shop{Plugin: s.Plugin, network: second}).look(t)
		defer there.close()

		if err := other.shutdown(t.Context()); err != nil {
			t.Errorf("the second server: %v", err)
		}
		there.sees(t, "close")
		s.close(t)
		here.sees(t, "close")
	})
}
