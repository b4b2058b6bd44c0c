//pull:only v4

package pull_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// A load balancer or an orchestrator asks whether the node is ready.
func ExamplePlugin_ReadyHandler() {
	p, err := pull.New(pull.Config{User: func(echo.Context) (string, error) { return "ann", nil }})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := echo.New()
	e.GET("/ready", p.ReadyHandler())
	check := func() {
		response := httptest.NewRecorder()
		e.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/ready", nil))
		fmt.Println(response.Code, response.Body)
	}

	check()
	err = p.Shutdown(context.Background())
	check()
	fmt.Println(err)
	// Output:
	// 200 ok
	// 503 pull: plugin is shut down
	// <nil>
}
