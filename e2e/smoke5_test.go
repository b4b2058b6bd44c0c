package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	pull "github.com/echo-pull/pull/v5"
)

// A site5 is a small application on Echo v5, on a real port.
type site5 struct {
	*pull.Plugin
	url     string
	address string
	config  pull.Config
	stop    context.CancelFunc // ends the server
	served  chan error
	blocked atomic.Bool // WebSockets are refused
}

func newSite5(t *testing.T) *site5 {
	t.Helper()
	s := &site5{address: "127.0.0.1:0"}
	s.config = pull.Config{
		User: func(c *echo.Context) (string, error) {
			cookie, err := c.Cookie("name")
			if err != nil {
				return "", nil //nolint:nilerr // a guest
			}
			return url.QueryUnescape(cookie.Value)
		},
		Logger:    slog.New(slog.DiscardHandler),
		OnError:   func(err error) { t.Logf("plugin: %v", err) },
		StateFile: t.TempDir() + "/state",
	}
	s.start(t)
	t.Cleanup(func() { s.end(t) })
	return s
}

func (s *site5) start(t *testing.T) {
	t.Helper()
	p, err := pull.New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Register(pull.Module{ID: "test", Use: pull.PublicSection}); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	s.Plugin, s.address, s.served = p, listener.Addr().String(), make(chan error, 1)
	s.url = "http://" + s.address
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	server := echo.StartConfig{Listener: listener, HideBanner: true, HidePort: true}
	go func() { s.served <- server.Start(ctx, s.routes()) }()
}

func (s *site5) routes() *echo.Echo {
	e := echo.NewWithConfig(echo.Config{Logger: slog.New(slog.DiscardHandler)})
	e.Use(middleware.Recover(), middleware.Gzip(), s.Middleware())
	s.Mount(e.Group("/pull", s.block))
	e.GET("/page", pull.Handler(s.page))
	e.POST("/say/:n", pull.Handler(func(c *pull.Context) error {
		n, err := echo.PathParam[int](c.Context, "n")
		if err != nil {
			return err
		}
		if err := c.Pull().Send(pull.User("ann"), pull.Event{Module: "test", Command: "n", Params: map[string]int{"n": n}}); err != nil {
			return err
		}
		return c.NoContent(n) // a status
	}))
	return e
}

// page renders a page that collects what it receives in the global heard.
func (s *site5) page(c *pull.Context) error {
	return c.HTML(http.StatusOK, fmt.Sprintf(`<!doctype html><title>page</title><link rel="icon" href="data:,">%s
		<script>
			const heard = [], errors = []
			let gaps = 0
			BX.addCustomEvent("onPullEvent-test", (command, params) => heard.push(params.n))
			BX.addCustomEvent("onPullError", (code) => errors.push(code))
			BX.addCustomEvent("onPullGap", () => gaps++)
		</script>`, s.Head(c.Context)))
}

func (s *site5) block(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		if s.blocked.Load() && websocket.IsWebSocketUpgrade(c.Request()) {
			return echo.NewHTTPError(http.StatusBadRequest, "a proxy that knows no WebSockets")
		}
		return next(c)
	}
}

// end ends the server and then the plugin, as an application does.
func (s *site5) end(t *testing.T) {
	t.Helper()
	began := time.Now()
	s.stop()
	if err := <-s.served; err != nil {
		t.Errorf("Echo: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("the plugin: %v", err)
	}
	if took := time.Since(began); took > 8*time.Second { // the GracefulTimeout is 10 s
		t.Errorf("it took %s to shut down, want no waiting for open pages", took)
	}
}

// say calls handlers that send an event and respond with the status n.
func (s *site5) say(t *testing.T, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		response, err := http.Post(fmt.Sprintf("%s/say/%d", s.url, n), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != n {
			t.Errorf("say %d: got %s %v", n, response.Status, err)
		}
	}
}

func TestEcho5InABrowser(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"websocket", "sse"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := newSite5(t)
			s.blocked.Store(transport == "sse")
			page := newPerson(t, "ann").open(t, s.url+"/page")
			s.say(t, 200, 409, 204) // while the page connects; the second handler fails

			page.connected()
			s.say(t, 201, 502, 202)
			page.heard(200, 204, 201, 202)
			if got := value[string](page, "BX.PULL.getDebugInfo().transport"); got != transport {
				t.Errorf("transport %q, want %q", got, transport)
			}

			page.offline(true) // a lost connection …
			page.until("!navigator.onLine && !BX.PULL.isConnected()")
			s.say(t, 203)
			page.offline(false)
			page.connected()
			page.heard(200, 204, 201, 202, 203)

			s.end(t) // … and a restart
			s.start(t)
			s.say(t, 205, 500, 206)
			page.heard(200, 204, 201, 202, 203, 205, 206)
		})
	}
}
