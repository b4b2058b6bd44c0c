package main

import (
	"expvar"
	"runtime"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// publishVars serves the counters of the plugin and of the process at /debug/vars,
// to everyone: the example has no login that could protect them.
func publishVars(e *echo.Echo, p *pull.Plugin) {
	expvar.Publish("pull", expvar.Func(func() any { return p.Stats() }))
	expvar.Publish("goroutines", expvar.Func(func() any { return runtime.NumGoroutine() }))
	e.GET("/debug/vars", echo.WrapHandler(expvar.Handler()))
}
