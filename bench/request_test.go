package main

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// BenchmarkRequest measures what the plugin adds to a request: the difference of
// each row to the bare handler.
func BenchmarkRequest(b *testing.B) {
	b.Run("bare", func(b *testing.B) { request(b, echo.New(), 0, func() {}) })
	for _, row := range []struct {
		name   string
		events int
	}{{"nothing sent", 0}, {"one event", 1}, {"ten events", 10}} {
		b.Run(row.name, func(b *testing.B) {
			a := newApp(b)
			request(b, a.Echo, row.events, func() {
				for a.plugin.Stats().PublisherEvents > 0 {
					runtime.Gosched()
				}
			})
		})
	}
}

// breath is the number of requests after which the plugin may deliver its queue;
// that time is not part of the request. Without it, the loop would fill the queue.
const breath = 100

func request(b *testing.B, e *echo.Echo, events int, settle func()) {
	b.Helper()
	e.POST("/tasks/:id", handler(events))
	request, response := httptest.NewRequest(http.MethodPost, "/tasks/7", http.NoBody), &discard{}

	b.ReportAllocs()
	failed := 0
	for i := 1; b.Loop(); i++ {
		e.ServeHTTP(response, request)
		if response.status != http.StatusNoContent {
			failed++
		}
		if events > 0 && i%breath == 0 {
			b.StopTimer()
			settle()
			b.StartTimer()
		}
	}
	if failed > 0 {
		b.Errorf("%d requests failed", failed)
	}
}

// params is the content of a typical event.
type params struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Done  bool   `json:"done"`
}

// handler sends the events, if there are any. Without events it is the handler of
// an application without the plugin.
func handler(events int) echo.HandlerFunc {
	if events == 0 {
		return func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }
	}
	return pull.Handler(func(c pull.Context) error {
		for range events {
			event := pull.Event{Module: "tasks", Command: "update", Params: params{ID: c.Param("id"), Title: "Write it down"}}
			if err := c.Pull().Send(pull.User("7"), event); err != nil {
				return err
			}
		}
		return c.NoContent(http.StatusNoContent)
	})
}

// discard is a response writer that keeps only the status.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header {
	if d.header == nil {
		d.header = http.Header{}
	}
	return d.header
}

func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
