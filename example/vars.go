package main

import (
	"net/http"
	"runtime"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// showVars responds with the counters of the plugin and of the process. It is for
// development, because it is open to everyone.
func showVars(p *pull.Plugin) echo.HandlerFunc {
	return func(c echo.Context) error {
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		return c.JSON(http.StatusOK, map[string]any{
			"pull": p.Stats(), "goroutines": runtime.NumGoroutine(), "memstats": memory,
		})
	}
}
