package pull

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/event"
)

func benchPlugin(b *testing.B) *Plugin {
	b.Helper()
	p, err := New(Config{
		User:   func(c echo.Context) (string, error) { return c.Request().Header.Get("X-User"), nil },
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.Shutdown(b.Context()) })
	if err := p.Register(engine.Module{ID: "tasks", Use: engine.PublicSection}); err != nil {
		b.Fatal(err)
	}
	return p
}

type task struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
}

// BenchmarkRequest measures Echo's request path. The difference to "bare" is what
// the plugin adds to a request.
func BenchmarkRequest(b *testing.B) {
	send := func(n int) echo.HandlerFunc {
		return Handler(func(c Context) error {
			for range n {
				if err := c.Pull().Send(event.User("42"), event.Event{Module: "tasks", Command: "update", Params: &task{7, "Write it down"}}); err != nil {
					return err
				}
			}
			return c.NoContent(http.StatusNoContent)
		})
	}
	for _, bc := range []struct {
		name    string
		handler echo.HandlerFunc
		plugin  bool
	}{
		{"bare", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, false},
		{"middleware", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, true},
		{"handler", send(0), true},
		{"events=1", send(1), true},
		{"events=10", send(10), true},
	} {
		b.Run(bc.name, func(b *testing.B) {
			e := echo.New()
			if bc.plugin {
				e.Use(benchPlugin(b).Middleware())
			}
			e.GET("/", bc.handler)
			r, w := httptest.NewRequest(http.MethodGet, "/", nil), new(nobody)
			b.ReportAllocs()
			for b.Loop() {
				e.ServeHTTP(w, r)
				if w.status != http.StatusNoContent {
					b.Fatal(w.status)
				}
			}
		})
	}
}

type nobody struct {
	header http.Header
	status int
}

func (w *nobody) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}
func (w *nobody) WriteHeader(status int)      { w.status = status }
func (w *nobody) Write(p []byte) (int, error) { return len(p), nil }
