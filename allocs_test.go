//go:build !race

package pull_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/echo-pull/pull"
)

// A request's own memory is its scope; Echo allocates once for any middleware. All
// its events leave in one allocation, however many they are. The bound for ten has
// one more for what the node allocates for many messages. The race detector makes a
// sync.Pool forget at random, so this test runs without it.
func TestRequestsAllocateLittle(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	params := &struct {
		ID    int
		Title string
	}{7, "Write it down"}
	for _, row := range []struct {
		events int
		path   string
		want   float64
	}{{0, "/none", 2}, {1, "/one", 3}, {10, "/ten", 4}} {
		a.echo.GET(row.path, pull.Handler(func(c pull.Context) error {
			for range row.events {
				if err := c.Pull().Send(pull.User("42"), pull.Event{Module: "tasks", Command: "update", Params: params}); err != nil {
					return err
				}
			}
			return c.NoContent(http.StatusNoContent)
		}))
		r, w := httptest.NewRequestWithContext(t.Context(), http.MethodGet, row.path, nil), httptest.NewRecorder()
		serve := func() { a.echo.ServeHTTP(w, r) }
		for range 200 {
			serve() // what is allocated once, or grows
		}

		got := slices.Min([]float64{testing.AllocsPerRun(100, serve), testing.AllocsPerRun(100, serve), testing.AllocsPerRun(100, serve)})

		if got > row.want {
			t.Errorf("a request with %d events makes %v allocations, want %v", row.events, got, row.want)
		}
		if w.Code != http.StatusNoContent {
			t.Errorf("got status %d, want %d", w.Code, http.StatusNoContent)
		}
	}
}
