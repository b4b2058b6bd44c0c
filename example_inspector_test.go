package pull_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// The inspector is for administrators of the application.
func ExamplePlugin_Inspector() {
	userOf := func(c echo.Context) string { return c.Request().Header.Get("User") } // your login
	p, err := pull.New(pull.Config{User: func(c echo.Context) (string, error) { return userOf(c), nil }})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := echo.New()
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))
	admin := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if userOf(c) != "root" { // your own check
				return echo.ErrForbidden
			}
			return next(c)
		}
	}
	e.GET("/admin/pull*", p.Inspector(), admin)

	for _, user := range []string{"", "ann", "root"} {
		request := httptest.NewRequest(http.MethodGet, "/admin/pull", nil)
		request.Header.Set("User", user)
		response := httptest.NewRecorder()
		e.ServeHTTP(response, request)
		fmt.Println(response.Code, response.Header().Get("Content-Type"))
	}
	fmt.Println(p.Shutdown(context.Background()))
	// Output:
	// 403 application/json
	// 403 application/json
	// 200 text/html; charset=utf-8
	// <nil>
}
