package pull_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"html/template"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// loginApp mounts the plugin behind login middleware. The middleware accepts user
// "1" until revoked is set, and responds after a delay.
func loginApp(t *testing.T, passes bool, delay time.Duration, more ...echo.MiddlewareFunc) (*app, *atomic.Bool) {
	t.Helper()
	revoked := new(atomic.Bool)
	p, err := pull.New(pull.Config{User: func(c echo.Context) (string, error) {
		user, _ := c.Get("user").(string)
		return user, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
		t.Fatal(err)
	}
	login := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if revoked.Load() {
				return echo.ErrUnauthorized
			}
			c.Set("user", "1")
			pass(delay)
			return next(c)
		}
	}
	e := newEcho()
	if passes {
		e.Use(p.Middleware())
	}
	p.Mount(e.Group("/pull", append([]echo.MiddlewareFunc{login}, more...)...))
	a := &app{Plugin: p, echo: e}
	a.serve()
	return a, revoked
}

// The login is checked before Disconnect, and the connection begins after it.
func TestDisconnectKeepsOutPagesWhoseLoginIsUnderWay(t *testing.T) {
	for _, tc := range []struct {
		name   string
		passes bool // the route uses the plugin's middleware
		delay  time.Duration
		status int // of the handshake
	}{
		{"middleware, slow login", true, 20 * time.Second, http.StatusSwitchingProtocols}, // and is closed with 4003
		{"no middleware", false, 2 * time.Second, http.StatusServiceUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, revoked := loginApp(t, tc.passes, tc.delay)
				defer a.stop(t)
				type outcome struct {
					status int
					code   int
				}
				ended := make(chan outcome, 1)
				go func() {
					p, response, _ := a.tryDial(t, "")
					o := outcome{status: response.StatusCode}
					if p != nil {
						o.code, _ = p.closed(t)
					}
					ended <- o
				}()
				pass(tc.delay / 2)
				revoked.Store(true)
				a.disconnect(t, "1")

				o := <-ended
				if o.status != tc.status || o.status == http.StatusSwitchingProtocols && o.code != 4003 {
					t.Errorf("got %+v, want status %d and no session", o, tc.status)
				}
				synctest.Wait()
				if n := a.Stats().Sessions; n != 0 {
					t.Errorf("got %d sessions, want none", n)
				}

				revoked.Store(false) // the user logs in again
				pass(5*time.Second - tc.delay/2)
				p, response, err := a.tryDial(t, "")
				if err != nil {
					t.Fatalf("five seconds later: got %v %v, want a connection", response, err)
				}
				p.hello(t)
			})
		})
	}
}

func TestLoginAfterDisconnectIsLetInAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "1", "")
		p.hello(t)
		a.disconnect(t, "1")
		if code, _ := p.closed(t); code != 4003 {
			t.Errorf("closed with %d, want 4003", code)
		}
		a.dial(t, "1", "").hello(t)
	})
}

func TestSlowBodyOfAHandshakeOutwaitsNoDisconnect(t *testing.T) {
	for name, passes := range map[string]bool{"middleware": true, "no middleware": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, revoked := loginApp(t, passes, 0, dumpBody())
				defer a.stop(t)
				conn := a.raw(t, "GET /pull HTTP/1.1\r\nHost: app.test\r\nAccept: text/event-stream\r\nContent-Length: 1\r\n\r\n")
				synctest.Wait()
				revoked.Store(true)
				a.disconnect(t, "1")
				pass(20 * time.Second)

				_, _ = io.WriteString(conn, "x")
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)

				if err != nil || response.StatusCode != http.StatusBadRequest {
					t.Errorf("got %v %v, want 400", response, err)
				}
				_ = conn.Close()
			})
		})
	}
}

// raw connects and writes.
func (a *app) raw(t *testing.T, request string) net.Conn {
	t.Helper()
	conn, err := a.listener.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Whatever a client sends, a session keeps only little of it.
func TestWhatASessionKeepsOfItsRequestIsSmall(t *testing.T) {
	pad := strings.Repeat("x", 900_000)
	socket := "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	var many strings.Builder
	for range 30_000 {
		many.WriteString("X-" + http.StatusText(http.StatusOK) + strings.Repeat("y", many.Len()%20) + ": 1\r\n")
	}
	for name, r := range map[string][2]string{
		"query":         {"?client=c&cursor=k.1&pad=" + pad, ""},
		"cursor":        {"?cursor=" + pad + ".1", ""},
		"Last-Event-ID": {"", "Last-Event-ID: " + pad + ".1\r\n"},
		"cookie":        {"", "Cookie: a=" + pad + "\r\n"},
		"host":          {"", "Host: " + pad + "\r\n"},
		"user":          {"", userHeader + ": 1" + pad + "\r\n"},
		"many headers":  {"", many.String()},
		"many values":   {"?" + strings.Repeat("a=1&", 200_000), ""},
	} {
		for transport, headers := range map[string]string{"WebSocket": socket, "stream": "Accept: text/event-stream\r\n"} {
			t.Run(transport+"/"+name, func(t *testing.T) {
				const pages = 8
				a := newApp(t, func(c *pull.Config) {
					c.User = func(c echo.Context) (string, error) { return c.Request().Header.Get(userHeader)[:1], nil }
				})
				defer a.stop(t)
				a.echo.Use(func(next echo.HandlerFunc) echo.HandlerFunc { // as CSRF and loggers do
					return func(c echo.Context) error { _ = c.QueryParam("csrf"); return next(c) }
				})
				request := "GET /pull" + r[0] + " HTTP/1.1\r\n" + headers + r[1]
				if name != "host" {
					request += "Host: app.test\r\n"
				}
				if name != "user" {
					request += userHeader + ": 1\r\n"
				}
				request += "\r\n"
				before := inUse()
				for range pages {
					conn := a.raw(t, request)
					defer func() { _ = conn.Close() }()
					b := bufio.NewReaderSize(conn, 16)
					for line := ""; !strings.Contains(line, `"hello"`) && !strings.HasSuffix(line, "for a stream\"}"); {
						var err error
						if line, err = b.ReadString('}'); err != nil {
							t.Fatalf("got %q and %v, want a hello", line, err)
						}
					}
				}

				grown := 0
				for range 50 { // the server's goroutines may still be ending
					if grown = (inUse() - before) / pages; grown <= 40<<10 {
						break
					}
				}
				if grown > 40<<10 {
					t.Errorf("a connection keeps %d bytes, want 40 KiB at most with its buffers and this test's", grown)
				}
				runtime.KeepAlive(request)
			})
		}
	}
}

func inUse() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A user who may soon watch a room sends the headers of a request early, and the
// rest once it is allowed.
func TestSlowBodyDoesNotChooseWhereAWatchBegins(t *testing.T) {
	for name, read := range map[string]func(c pull.Context) error{
		"read to its end": func(c pull.Context) error { _, err := io.ReadAll(c.Request().Body); return err },
		"form":            func(c pull.Context) error { return c.Request().ParseForm() },
		"limited": func(c pull.Context) error {
			_, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, 1<<20))
			return err
		},
		"by the middleware": func(pull.Context) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)
				if name == "by the middleware" {
					a.echo.Use(dumpBody())
				}
				a.echo.POST("/join", pull.Handler(func(c pull.Context) error {
					if err := read(c); err != nil {
						return err
					}
					if err := c.Pull().Watch("ROOM"); err != nil {
						return err
					}
					return c.String(http.StatusOK, c.Pull().Cursor())
				}))
				conn := a.raw(t, "POST /join HTTP/1.1\r\nHost: app.test\r\nX-User: 1\r\nContent-Length: 3\r\n"+
					"Content-Type: application/x-www-form-urlencoded\r\n\r\na=")
				synctest.Wait()
				send(t, a, pull.Tag("ROOM"), "secret")
				synctest.Wait()
				_, _ = io.WriteString(conn, "b")
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil || response.StatusCode != http.StatusOK {
					t.Fatalf("got %v %v, want 200", response, err)
				}
				cursor, _ := io.ReadAll(response.Body)
				_ = conn.Close()

				r := a.dial(t, "1", "?cursor="+string(cursor)).read()
				if commands, _, _ := r.wait(); len(commands) > 0 {
					t.Errorf("got %q, want nothing from before the body had come", commands)
				}
				send(t, a, pull.Tag("ROOM"), "hello")
				r.sees(t, "hello")
				r.leave()
			})
		})
	}
}

// What happens between the body and the grant may be part of the response.
func TestWatchOfARequestWithABodyCountsFromTheEndOfTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.POST("/join", pull.Handler(func(c pull.Context) error {
			if _, err := c.MultipartForm(); err != nil {
				return err
			}
			_ = c.Request().Body.Close()
			send(t, a, pull.Tag("ROOM"), "between")
			synctest.Wait()
			if err := c.Pull().Watch("ROOM"); err != nil {
				return err
			}
			return c.String(http.StatusOK, c.Pull().Cursor())
		}))
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		_ = form.WriteField("a", "b")
		_ = form.Close()

		response := a.do(t, http.MethodPost, "/join", body.String(), userHeader, "1", "Content-Type", form.FormDataContentType())

		r := a.dial(t, "1", "?cursor="+text(response)).read()
		r.sees(t, "between")
		r.leave()
	})
}

func TestRequestWithoutABodyKeepsItsBody(t *testing.T) {
	s := newSite(t, nil)
	s.Use(s.Middleware())
	s.GET("/", func(c echo.Context) error {
		if body := c.Request().Body; body != http.NoBody {
			t.Errorf("got a body of %T, want http.NoBody", body)
		}
		return nil
	})
	r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "/", http.NoBody)
	s.ServeHTTP(nopWriter{}, r)
}

type nopWriter struct{}

func (nopWriter) Header() http.Header         { return http.Header{} }
func (nopWriter) Write(p []byte) (int, error) { return len(p), nil }
func (nopWriter) WriteHeader(int)             {}

func TestHeadHasTheHashOfTheScript(t *testing.T) {
	for path, elsewhere := range map[string]bool{"": false, "/app/pull": false, "https://rt.app.test/pull": true} {
		s := newSite(t, func(c *pull.Config) { c.PublicPath = path })
		s.Mount(s.Group("/pull"))
		s.GET("/page", s.page)
		script := s.serve(http.MethodGet, "/pull/pull.js").Body.Bytes()
		sum := sha512.Sum384(script)
		head := s.serve(http.MethodGet, "/page").Body.String()

		if want := ` integrity="sha384-` + base64.StdEncoding.EncodeToString(sum[:]) + `"`; !strings.Contains(head, template.HTMLEscapeString(want[12:len(want)-1])) {
			t.Errorf("PublicPath %q: got %s, want%s", path, head, want)
		}
		if got := strings.Contains(head, ` crossorigin="anonymous"`); got != elsewhere {
			t.Errorf("PublicPath %q: got %s, want crossorigin %t", path, head, elsewhere)
		}
	}
}
