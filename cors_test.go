package pull_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/echo-pull/pull"
)

// The pages of https://app.example use an application at https://api.example, set
// up as docs/production.md shows.
func TestPagesOfAnotherOriginConnectWithTheDocumentedCORS(t *testing.T) {
	config := pull.Config{
		User: func(c echo.Context) (string, error) { return c.Request().Header.Get(userHeader), nil },
	}

	config.AllowedOrigins = []string{"https://app.example"}
	p, err := pull.New(config)
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins:     config.AllowedOrigins,
		AllowCredentials: true,
		AllowHeaders:     []string{echo.HeaderContentType, pull.HeaderClient},
		ExposeHeaders:    []string{"Pull-Cursor"},
	}), p.Middleware())
	p.Mount(e.Group("/pull"))

	t.Cleanup(func() { _ = p.Shutdown(t.Context()) })
	s := &site{Plugin: p, Echo: e}
	e.GET("/tasks", pull.Handler(func(c pull.Context) error {
		c.Response().Header().Set("Pull-Cursor", c.Pull().Cursor())
		return c.NoContent(http.StatusNoContent)
	}))
	const page = "https://app.example"

	preflight := s.serve(http.MethodOptions, "/pull/watch", "Origin", page,
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,pull-client")
	if got := preflight.Header().Get("Access-Control-Allow-Headers"); preflight.Code != http.StatusNoContent || !strings.Contains(got, "Pull-Client") {
		t.Errorf("preflight of a watch: got %d and allowed headers %q, want Pull-Client", preflight.Code, got)
	}
	if got := s.serve(http.MethodGet, "/tasks", "Origin", page).Header().Get("Access-Control-Expose-Headers"); got != "Pull-Cursor" {
		t.Errorf("got exposed headers %q, want Pull-Cursor", got)
	}
	for _, r := range []struct {
		method, target string
		status         int
	}{{"POST", "/pull/watch", 200}, {"GET", "/pull?origin=" + page, 426}, {"GET", "/pull/pull.mjs", 200}} {
		w := s.serve(r.method, r.target, "Origin", page)
		if got := w.Header().Get("Access-Control-Allow-Origin"); w.Code != r.status || got != page {
			t.Errorf("%s %s: got status %d for origin %q, want %d for %s", r.method, r.target, w.Code, got, r.status, page)
		}
	}
}

// A module script is always fetched with CORS, and static files need no login.
func TestPagesOfAnyOriginImportTheClient(t *testing.T) {
	s := newSite(t, nil)
	s.Mount(s.Group("/pull"))

	if got := s.serve(http.MethodGet, "/pull/pull.mjs", "Origin", "https://app.example").Header().Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("got Access-Control-Allow-Origin %q, want *", got)
	}
}
