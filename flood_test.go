package pull_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// A page's id is not secret: other users' pages can see it in a URL.
func TestKnowingThePageOfAnotherUserHidesNothingFromIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.GET("/", pull.Handler(func(c pull.Context) error {
			e := event("update", nil)
			e.ExceptSender = true
			return c.Pull().Send(pull.User("42"), e)
		}))
		late, at := a.fresh(t, "42")
		late.leave()
		live := a.dial(t, "42", "?client=mine").read()
		for _, user := range []string{"43", ""} {
			a.get(t, "/", pull.HeaderClient, "mine", userHeader, user)
		}

		live.sees(t, "update", "update")
		live.leave()
		replayed := a.dial(t, "42", "?client=mine&cursor="+at).read()
		replayed.sees(t, "update", "update")
		a.get(t, "/", pull.HeaderClient, "mine", userHeader, "42")
		replayed.sees(t, "update", "update")
		replayed.leave()
		again := a.dial(t, "42", "?client=mine&cursor="+at).read()
		again.sees(t, "update", "update")
		again.leave()
	})
}

func TestFloodIsCutWithAReason(t *testing.T) {
	for name, frame := range map[string]string{
		"pings":               "\x89\x80\x00\x00\x00\x00",
		"pongs":               "\x8a\x80\x00\x00\x00\x00",
		"empty continuations": "\x00\x80\x00\x00\x00\x00",
		"a byte at a time":    "\x00\x81\x00\x00\x00\x00 ",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)
				p := a.dial(t, "1", "")
				p.hello(t)
				var sent atomic.Int64
				go func() {
					if frame[0] == 0 {
						_, _ = p.NetConn().Write([]byte("\x01\x81\x00\x00\x00\x00 ")) // the first frame, which the others continue
					}
					for range 100_000 {
						if _, err := io.WriteString(p.NetConn(), frame); err != nil {
							return
						}
						sent.Add(1)
					}
				}()

				if code, reason := p.closed(t); code != websocket.ClosePolicyViolation || reason != "too fast" && name != "a byte at a time" {
					t.Errorf("closed with %d %q, want 1008 too fast", code, reason)
				}
				most := int64(20_000)
				if strings.HasPrefix(name, "p") {
					most = 100 // they fit a buffer of 256 bytes
				}
				if n := sent.Load(); n > most {
					t.Errorf("%d frames were read, want %d at most of 100000", n, most)
				}
			})
		})
	}
}

// A browser answers every ping; after a network pause it answers all of them at once.
func TestPageThatAnswersEveryPingIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.Tick = 25 * time.Millisecond })
		defer a.stop(t)
		p := a.dial(t, "1", "")
		pass(9 * time.Second) // 360 pings are queued
		r := p.read()
		pass(10 * time.Minute)
		r.sees(t)
		r.leave()
	})
}

func TestHalfOpenPostIsEnded(t *testing.T) {
	for name, more := range map[string][]echo.MiddlewareFunc{"": nil, "read by middleware": {dumpBody()}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, _ := loginApp(t, true, 0, more...)
				defer a.stop(t)
				conn := a.raw(t, "POST /pull/watch HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100\r\n\r\n{")
				began := time.Now()

				response, err := http.ReadResponse(bufio.NewReader(conn), nil)

				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("ended after %s, want 10s", took)
				}
				if name == "" && (err != nil || response.StatusCode != http.StatusRequestTimeout) {
					t.Errorf("got %v %v, want 408", response, err)
				}
				_ = conn.Close()
			})
		})
	}
}

// Before it responds, the server reads a body that no handler has read.
func TestHalfOpenRequestThatIsRefusedIsEnded(t *testing.T) {
	for name, request := range map[string]string{
		"handshake": "GET /pull HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
		"stream":    "GET /pull HTTP/1.1\r\nAccept: text/event-stream\r\n",
		"probe":     "GET /pull/ HTTP/1.1\r\n",
		"POST":      "POST /pull/watch HTTP/1.1\r\nOrigin: https://other.test\r\n",
		"script":    "GET /pull/pull.js HTTP/1.1\r\n",
	} {
		for _, withMiddleware := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/middleware=%t", name, withMiddleware), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a, _ := loginApp(t, withMiddleware, 0)
					defer a.stop(t)
					conn := a.raw(t, request+"Host: app.test\r\nContent-Length: 100\r\n\r\n{")
					defer func() { _ = conn.Close() }()
					began := time.Now()
					_ = conn.SetReadDeadline(began.Add(time.Minute))

					_, _ = io.Copy(io.Discard, conn)

					if took := time.Since(began); took > 10*time.Second {
						t.Errorf("ended after %s, want 10s", took)
					}
				})
			})
		}
	}
}

// The name of another site resolves to this server.
func TestHostsThatAreNotTheApplicationsAreRefused(t *testing.T) {
	for host, status := range map[string]int{
		"app.test": 426, "APP.test:8080": 426, "[::1]:80": 426, "evil.test": 403, "app.test.evil.test": 403, "other.test:1": 426, "other.test:2": 403, "": 403, "a b": 403,
	} {
		s := newSite(t, func(c *pull.Config) { c.Hosts = []string{"App.test", "[::1]", "other.test:1"} })
		s.Mount(s.Group("/pull"))
		r := request("Origin", "http://"+host)
		if r.Host = host; host == "" || status == 426 {
			r.Header.Del("Origin")
		}
		w := &recorder{}
		s.ServeHTTP(w, r)
		if w.code != status {
			t.Errorf("%q: got %d, want %d", host, w.code, status)
		}
	}
	for _, host := range []string{"", "http://app.test", "app.test/", "*.app.test", "a b", "app.test:x"} {
		if _, err := pull.New(pull.Config{User: func(echo.Context) (string, error) { return "", nil }, Hosts: []string{host}}); err == nil || !strings.Contains(err.Error(), "Config.Hosts") {
			t.Errorf("Hosts %q: got %v, want an error", host, err)
		}
	}
}

// recorder is a response writer that supports a page's connection.
type recorder struct {
	nopWriter
	code int
}

func (r *recorder) WriteHeader(code int) { r.code = code }
func (r *recorder) FlushError() error    { return nil }

func TestDebugShowsNothingOfOurs(t *testing.T) {
	s := newSite(t, func(c *pull.Config) {
		c.User = func(echo.Context) (string, error) { return "", errors.New("secret of the database") }
	})
	exposeErrors(s.Echo)
	s.Mount(s.Group("/pull"))
	for _, r := range [][]string{{http.MethodGet, "/pull"}, {http.MethodPost, "/pull/watch"}} {
		w := s.serve(r[0], r[1])
		if body := w.Body.String(); w.Code != http.StatusUnauthorized || strings.Contains(body, "secret") || !json.Valid([]byte(body)) {
			t.Errorf("%v: got %d %s, want 401 and nothing of the error", r, w.Code, body)
		}
	}
}
