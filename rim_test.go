package pull_test

import (
	"context"
	"io"
	"net"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/echo-pull/pull"
)

// The tests of this package run against Echo v4 and, through scripts/port5,
// against Echo v5. This file has the parts that differ in more than spelling;
// v5/rim_test.go declares the same names for Echo v5.

const root = "" // path to the repository's files

// newEcho returns an Echo that logs nothing.
func newEcho() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(io.Discard)
	return e
}

// A server serves an application on a listener, until it is shut down or closed.
type server struct {
	echo   *echo.Echo
	served chan error
}

func serve(e *echo.Echo, l net.Listener) *server {
	s := &server{echo: e, served: make(chan error, 1)}
	e.Listener = l
	go func() { s.served <- e.Start("") }()
	return s
}

func (s *server) shutdown(ctx context.Context) error {
	defer func() { <-s.served }()
	return s.echo.Shutdown(ctx)
}

func (s *server) close() {
	_ = s.echo.Close()
	<-s.served
}

// responseOf returns the response with its hooks and its status.
func responseOf(c echo.Context) *echo.Response { return c.Response() }

// handleError responds with Echo's error handler.
func handleError(c pull.Context, err error) { c.Error(err) }

// dumpBody is middleware that reads the whole body before the handler runs.
func dumpBody() echo.MiddlewareFunc {
	return middleware.BodyDump(func(echo.Context, []byte, []byte) {})
}

// hostGroup returns the group /pull of one host.
func hostGroup(e *echo.Echo) *echo.Group { return e.Host("example.com").Group("/pull") }

// headOf returns the script tag for the page of one of the plugin's handlers.
func headOf(c pull.Context, p *pull.Plugin) string { return string(p.Head(c)) }

// exposeErrors makes Echo respond with the text of errors.
func exposeErrors(e *echo.Echo) { e.Debug = true }

// serveAgain routes a request again, by its current path.
func serveAgain(c echo.Context) error {
	c.Echo().Router().Find(c.Request().Method, c.Request().URL.Path, c)
	return c.Handler()(c)
}
