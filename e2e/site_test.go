package e2e

import (
	"context"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// A site is a small application inside the test, on a real port. Tests can restart
// its server and break the route to the plugin.
type site struct {
	t      *testing.T
	url    string
	config pull.Config
	state  atomic.Int64 // what a watched page shows

	mu       sync.Mutex // guards the fields below
	plugin   *pull.Plugin
	echo     *echo.Echo
	served   chan error
	fault    echo.MiddlewareFunc         // runs before the plugin's connection routes
	connects int                         // requests of those routes
	added    map[string]echo.HandlerFunc // further pages, which outlive restarts
}

func newSite(t *testing.T, configure func(*pull.Config)) *site {
	t.Helper()
	s := &site{t: t, added: make(map[string]echo.HandlerFunc)}
	s.config = pull.Config{
		User:          visitor,
		Logger:        slog.New(slog.DiscardHandler),
		Online:        pull.OnlineEveryone,
		OnError:       func(err error) { t.Logf("plugin: %v", err) },
		PresenceGrace: 200 * time.Millisecond,
	}
	if configure != nil {
		configure(&s.config)
	}
	s.start("127.0.0.1:0")
	t.Cleanup(s.stop)
	return s
}

// visitor returns the user from the cookie of a person's tabs.
func visitor(c echo.Context) (string, error) {
	if cookie, err := c.Cookie("name"); err == nil {
		return url.QueryUnescape(cookie.Value)
	}
	return "", nil
}

func (s *site) start(addr string) {
	s.t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		s.t.Fatal(err)
	}
	p, err := pull.New(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := p.Register(pull.Module{ID: "test", Use: pull.PublicSection}); err != nil {
		s.t.Fatal(err)
	}
	e := s.routes(p)
	e.Listener = listener
	served := make(chan error, 1)
	go func() { served <- e.Start("") }()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.plugin, s.echo, s.served, s.url = p, e, served, "http://"+listener.Addr().String()
}

func (s *site) routes(p *pull.Plugin) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull", s.broken))
	e.GET("/page", pull.Handler(func(c pull.Context) error { return page(c, p) }))
	e.GET("/elsewhere", func(c echo.Context) error {
		return c.HTML(http.StatusOK, "<title>elsewhere</title><link rel='icon' href='data:,'>")
	})
	e.GET("/admin/pull*", p.Inspector())
	e.GET("/stream/:library", pull.Handler(func(c pull.Context) error { return streamPage(c, p) }))
	s.routeWatched(e, p)
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, handler := range s.added {
		e.GET(path, handler)
	}
	e.GET("/npm/*", echo.StaticDirectoryHandler(os.DirFS("node_modules"), false))
	return e
}

// page renders a page that collects what it receives in the global heard. It
// watches the tag in its query, and extends the watch.
func page(c pull.Context, p *pull.Plugin) error {
	if policy := c.QueryParam("policy"); policy != "" {
		c.Response().Header().Set(echo.HeaderContentSecurityPolicy, policy)
	}
	tag := c.QueryParam("watch")
	if tag != "" {
		if err := c.Pull().Watch(tag); err != nil {
			return err
		}
	}
	return c.HTML(http.StatusOK, fmt.Sprintf(`<!doctype html><title>page</title><link rel="icon" href="data:,">%s%s
		<script>
			const heard = [], statuses = [], online = [], errors = []
			let gaps = 0
			BX.addCustomEvent("onPullEvent-test", (command, params) => heard.push(params.n))
			BX.addCustomEvent("onPullOnlineEvent", (command, params) => online.push([command, params.USER_ID].join(" ").trim()))
			BX.addCustomEvent("onPullStatus", (status) => statuses.push(status))
			BX.addCustomEvent("onPullError", (code) => errors.push(code))
			BX.addCustomEvent("onPullGap", () => gaps++)
			BX.PULL.extendWatch("%s")
		</script>`, p.Head(c), twice(c, p), template.JSEscapeString(tag)))
}

// twice returns the client's script once more, as on a page to which two authors
// have added it.
func twice(c echo.Context, p *pull.Plugin) template.HTML {
	if c.QueryParam("twice") == "" {
		return ""
	}
	return p.Head(c)
}

// get adds a page.
func (s *site) get(path string, handler echo.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.added[path] = handler
	s.echo.GET(path, handler)
}

// stop ends the server and then the plugin, as an application does.
func (s *site) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.mu.Lock()
	e, p, served := s.echo, s.plugin, s.served
	s.mu.Unlock()
	if err := e.Shutdown(ctx); err != nil {
		s.t.Errorf("shutdown of Echo: %v", err)
	}
	if err := p.Shutdown(ctx); err != nil {
		s.t.Errorf("shutdown of the plugin: %v", err)
	}
	<-served
}

// restart stops the server and starts it again at its address.
func (s *site) restart() {
	s.t.Helper()
	s.stop()
	s.start(s.url[len("http://"):])
}

func (s *site) current() *pull.Plugin {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plugin
}

// breakWith adds a fault in front of the plugin's connection routes; nil removes it.
func (s *site) breakWith(fault echo.MiddlewareFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *site) broken(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Path() != "/pull" && c.Path() != "/pull/html" {
			return next(c)
		}
		s.mu.Lock()
		fault := s.fault
		s.connects++
		s.mu.Unlock()
		if fault != nil {
			return fault(next)(c)
		}
		return next(c)
	}
}

func (s *site) attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connects
}

// send sends numbered events.
func (s *site) send(to pull.Target, numbers ...int) {
	s.t.Helper()
	for _, n := range numbers {
		if err := s.current().Send(s.t.Context(), to, numbered(n)); err != nil {
			s.t.Fatalf("send %d: %v", n, err)
		}
	}
}

func numbered(n int) pull.Event {
	return pull.Event{Module: "test", Command: "n", Params: map[string]int{"n": n}}
}

// heard waits until the page has received that many events, and compares them:
// each once, in order, and without a gap.
func (p *tab) heard(want ...int) {
	p.Helper()
	p.until(fmt.Sprintf("heard.length >= %d", len(want)))
	if got := value[string](p, "heard.join()"); got != join(want) {
		p.Errorf("the page received %s, want %s", got, join(want))
	}
	if gaps := value[int](p, "gaps"); gaps != 0 {
		p.Errorf("the page was notified of %d gaps, want none", gaps)
	}
}
