package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// An app is a real Echo with the plugin and its own pages. The pages are
// Server-Sent Events streams without a network, so there can be more of them
// than sockets.
type app struct {
	*echo.Echo
	plugin  *pull.Plugin
	opening sync.WaitGroup // pages that have not received hello
	hearing sync.WaitGroup // events that pages have not received
	closing sync.WaitGroup // open pages
}

func newApp(tb testing.TB) *app {
	tb.Helper()
	plugin, err := pull.New(pull.Config{
		User:   func(c echo.Context) (string, error) { return c.Request().Header.Get("User"), nil },
		Online: pull.OnlineNobody, // presence is not measured here
	})
	if err != nil {
		tb.Fatal(err)
	}
	if err := plugin.Register(pull.Module{ID: "tasks", Use: pull.PublicSection}); err != nil {
		tb.Fatal(err)
	}
	a := &app{Echo: echo.New(), plugin: plugin}
	tb.Cleanup(func() {
		if err := plugin.Shutdown(context.Background()); err != nil {
			tb.Error(err)
		}
		a.closing.Wait()
	})
	a.Use(plugin.Middleware())
	plugin.Mount(a.Group("/pull"))
	return a
}

// send sends an event and returns once the log holds it.
func (a *app) send(tb testing.TB, to pull.Target) {
	tb.Helper()
	event := pull.Event{Module: "tasks", Command: "update", Params: params{ID: "7", Title: "Write it down"}}
	if err := a.plugin.Send(tb.Context(), to, event); err != nil {
		tb.Fatal(err)
	}
}

// cursor returns the position that a page rendered now would get.
func (a *app) cursor(tb testing.TB) string {
	tb.Helper()
	position := ""
	a.GET("/cursor", pull.Handler(func(c pull.Context) error {
		position = c.Pull().Cursor()
		return c.NoContent(http.StatusNoContent)
	}))
	a.ServeHTTP(&discard{}, httptest.NewRequest(http.MethodGet, "/cursor", http.NoBody))
	if position == "" {
		tb.Fatal("there is no cursor")
	}
	return position
}

// open opens a page; leave closes it and waits until it has ended.
func (a *app) open(user, cursor string) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	request := httptest.NewRequest(http.MethodGet, "/pull?protocol=2&client=page-of-"+user+"-0123456789&cursor="+cursor, http.NoBody)
	request.Header.Set("User", user)
	request.Header.Set("Accept", "text/event-stream")
	a.opening.Add(1)
	a.closing.Add(1)
	ended := make(chan struct{})
	go func() {
		defer a.closing.Done()
		defer close(ended)
		a.ServeHTTP(&page{app: a}, request.WithContext(ctx))
	}()
	return func() {
		cancel()
		<-ended
	}
}

// openMany opens a page for each of the users 0 to n-1, and waits for them.
func (a *app) openMany(n int) {
	for i := range n {
		a.open(user(i), "")
	}
	a.opening.Wait()
}

// A page is the response writer of a stream.
type page struct {
	discard
	app *app
}

func (p *page) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(`"command":"hello"`)) {
		p.app.opening.Done()
	}
	p.app.hearing.Add(-bytes.Count(b, []byte(`:update",`)))
	return len(b), nil
}

// WriteHeader panics if the page was refused; waiting for it would never end.
func (p *page) WriteHeader(status int) {
	if status != http.StatusOK {
		panic("the page got " + strconv.Itoa(status))
	}
}

func (p *page) Flush() {}

func user(n int) string { return "u" + strconv.Itoa(n) }
