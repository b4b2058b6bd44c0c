package pull_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestGuideToSharedTabs(t *testing.T) {
	currentUser := func(echo.Context) (string, error) { return "42", nil }
	p, err := pull.New(pull.Config{User: currentUser, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))
	e.GET("/", func(c echo.Context) error { return c.HTML(200, string(p.Head(c))) })

	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))

	if !strings.Contains(w.Body.String(), " data-shared") {
		t.Errorf("got %s, want a tag that says that tabs share a connection", w.Body)
	}
}
