package pull_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/memnet"
)

// An app is a real Echo application with the plugin, on an in-memory network.
type app struct {
	*pull.Plugin
	echo     *echo.Echo
	server   *server
	listener *memnet.Listener
	client   *http.Client
}

// userHeader stands in for an application's own authentication.
const userHeader = "X-User"

func newApp(t *testing.T, configure func(*pull.Config)) *app {
	t.Helper()
	config := pull.Config{
		User:   func(c echo.Context) (string, error) { return c.Request().Header.Get(userHeader), nil },
		Logger: slog.New(slog.DiscardHandler),
		Online: pull.OnlineEveryone,
	}
	if configure != nil {
		configure(&config)
	}
	p, err := pull.New(config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	if err := p.Register(pull.Module{ID: "tasks", Use: pull.PublicSection}); err != nil {
		t.Fatalf("Register: %v", err)
	}
	runOnOneProcessor(t)
	e := newEcho()
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))
	a := &app{Plugin: p, echo: e}
	a.serve()
	return a
}

// runOnOneProcessor keeps the race detector from crashing in a synctest bubble: when
// timers of several goroutines fire at the same moment on several processors, they
// use one context of the detector (https://go.dev/issue/78156). Outside of a bubble
// it does nothing.
func runOnOneProcessor(t *testing.T) {
	t.Helper()
	if time.Now().Year() > 2000 { // where bubbles begin
		return
	}
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

func (a *app) serve() {
	a.listener = memnet.Listen()
	a.client = &http.Client{Transport: &http.Transport{DialContext: a.listener.Dial, DisableKeepAlives: true}}
	a.server = serve(a.echo, a.listener)
}

// stop ends the server and the plugin as an application would.
func (a *app) stop(t *testing.T) {
	t.Helper()
	if err := a.end(t); err != nil {
		t.Errorf("shutdown of the plugin: %v", err)
	}
}

// end is like stop, for tests that check the result of Shutdown.
func (a *app) end(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := a.server.shutdown(ctx); err != nil {
		t.Errorf("shutdown of Echo: %v", err)
	}
	return a.Shutdown(ctx)
}

func (a *app) get(t *testing.T, path string, headers ...string) *http.Response {
	t.Helper()
	return a.do(t, http.MethodGet, path, "", headers...)
}

func (a *app) do(t *testing.T, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://app.test"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := a.client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	content, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(strings.NewReader(string(content)))
	return response
}

// A page is a client that speaks the protocol.
type page struct {
	*websocket.Conn
	waiting []message
}

type message struct {
	ID      uint64         `json:"id"`
	Module  string         `json:"module_id"`
	Command string         `json:"command"`
	Params  map[string]any `json:"params"`
	Extra   map[string]any `json:"extra"`
}

// UnmarshalJSON reads a message in the form of either version of the protocol.
func (m *message) UnmarshalJSON(text []byte) error {
	if text[0] != '[' {
		type object message // without this method
		return json.Unmarshal(text, (*object)(m))
	}
	var millis float64
	var name string
	if err := json.Unmarshal(text, &[]any{&m.ID, &millis, &name, &m.Params, &m.Extra}); err != nil {
		return err
	}
	m.Module, m.Command, _ = strings.Cut(name, ":")
	if m.Extra == nil {
		m.Extra = make(map[string]any)
	}
	m.Extra["server_time_unix"], m.Extra["server_time"] = millis/1000, time.UnixMilli(int64(millis)).UTC().Format(time.RFC3339)
	return nil
}

// speaking adds to a query the newest version of the protocol, unless it has one.
func speaking(query string) string {
	if strings.Contains(query, "protocol=") {
		return query
	}
	return "?protocol=2" + strings.Replace(query, "?", "&", 1)
}

func (a *app) dial(t *testing.T, user, query string) *page {
	t.Helper()
	p, response, err := a.tryDial(t, query, userHeader, user)
	if err != nil {
		t.Fatalf("dial: %v %v", err, response)
	}
	return p
}

func (a *app) tryDial(t *testing.T, query string, headers ...string) (*page, *http.Response, error) {
	t.Helper()
	header := make(http.Header)
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	d := websocket.Dialer{NetDialContext: a.listener.Dial}
	conn, response, err := d.DialContext(t.Context(), "ws://app.test/pull"+speaking(query), header)
	if err != nil {
		return nil, response, err
	}
	return &page{Conn: conn}, response, nil
}

// next returns the next message, whatever it is.
func (p *page) next(t *testing.T) message {
	t.Helper()
	for len(p.waiting) == 0 {
		_, frame, err := p.ReadMessage()
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if err := json.Unmarshal(frame, &p.waiting); err != nil {
			t.Fatalf("frame %s: %v", frame, err)
		}
	}
	m := p.waiting[0]
	p.waiting = p.waiting[1:]
	return m
}

// control returns the next message from the plugin itself.
func (p *page) control(t *testing.T) message {
	t.Helper()
	for {
		if m := p.next(t); m.Module == "pull" {
			return m
		}
	}
}

// event returns the next message of the application.
func (p *page) event(t *testing.T) message {
	t.Helper()
	for {
		if m := p.next(t); m.ID > 0 {
			return m
		}
	}
}

// hello returns the first message, which must be hello.
func (p *page) hello(t *testing.T) message {
	t.Helper()
	m := p.next(t)
	if m.Module != "pull" || m.Command != "hello" {
		t.Fatalf("first message is %s/%s, want pull/hello", m.Module, m.Command)
	}
	return m
}

func event(command string, params any) pull.Event {
	return pull.Event{Module: "tasks", Command: command, Params: params}
}

func send(t *testing.T, a *app, to pull.Target, command string) {
	t.Helper()
	sendEvent(t, a, to, event(command, nil))
}

func sendEvent(t *testing.T, a *app, to pull.Target, e pull.Event) {
	t.Helper()
	if err := a.Send(t.Context(), to, e); err != nil {
		t.Fatalf("send %s: %v", e.Command, err)
	}
}

// grant makes a user watch tags.
func grant(t *testing.T, a *app, user string, tags ...string) {
	t.Helper()
	if err := a.Watch().Add(user, tags...); err != nil {
		t.Fatal(err)
	}
}

func TestHandlersEventReachesThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.POST("/tasks/:id", pull.Handler(func(c pull.Context) error {
			if err := c.Pull().Send(pull.User("42"), event("update", map[string]any{"ID": c.Param("id")})); err != nil {
				return err
			}
			return c.NoContent(http.StatusNoContent)
		}))
		p := a.dial(t, "42", "?client=abc")
		p.hello(t)

		response := a.do(t, http.MethodPost, "/tasks/7", "")

		if response.StatusCode != http.StatusNoContent {
			t.Errorf("status %d, want 204", response.StatusCode)
		}
		m := p.event(t)
		if m.Module != "tasks" || m.Command != "update" || m.Params["ID"] != "7" {
			t.Errorf("got %+v, want tasks/update with ID 7", m)
		}
	})
}

func TestBurstForAnIdlePageDoesNotCutIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		const events = 200
		a.echo.POST("/burst", pull.Handler(func(c pull.Context) error {
			for n := range events { // twelve times what a session's queue holds
				if err := c.Pull().Send(pull.User("42"), event("part", map[string]any{"n": n, "x": strings.Repeat("x", 60_000)})); err != nil {
					return err
				}
			}
			return c.NoContent(http.StatusNoContent)
		}))
		p := a.dial(t, "42", "")
		p.hello(t)

		a.do(t, http.MethodPost, "/burst", "")

		for n := range events {
			if got := p.event(t).Params["n"]; got != float64(n) {
				t.Fatalf("got part %v, want %d", got, n)
			}
		}
		if got := a.Stats().Cut; got != 0 {
			t.Errorf("%d sessions were cut, want none", got)
		}
	})
}

func TestEventLargerThanAQueueStillArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.QueueBytes = 512 })
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)

		for range 3 {
			synctest.Wait() // the page's queue is empty
			sendEvent(t, a, pull.User("42"), event("large", map[string]any{"x": strings.Repeat("x", 60_000)}))
			if got := p.event(t).Command; got != "large" {
				t.Errorf("got %q, want %q", got, "large")
			}
		}
		if got := a.Stats().Cut; got != 0 {
			t.Errorf("%d sessions were cut, want none", got)
		}
	})
}

// text returns the body of a response.
func text(r *http.Response) string {
	content, _ := io.ReadAll(r.Body)
	return string(content)
}

// pass advances fake time. Call it only inside a synctest bubble.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // takes no real time
