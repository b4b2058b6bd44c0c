package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestVarsHaveTheCountersOfThePlugin(t *testing.T) {
	p, err := pull.New(pull.Config{User: user})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	e := echo.New()
	e.GET("/debug/vars", showVars(p))
	response := httptest.NewRecorder()

	e.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/debug/vars", http.NoBody))

	var got struct {
		Goroutines int             `json:"goroutines"`
		Pull       map[string]any  `json:"pull"`
		Memory     json.RawMessage `json:"memstats"`
	}
	if err := json.Unmarshal(response.Body.Bytes(), &got); err != nil {
		t.Fatalf("%d %s: %v", response.Code, response.Body, err)
	}
	if got.Goroutines < 1 || got.Pull["Sessions"] != 0.0 || len(got.Memory) == 0 {
		t.Errorf("got %+v, want goroutines, 0 sessions and the memory", got)
	}
}
