package pull_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/echo-pull/pull/v5"
)

// This file declares the names of the root's rim_test.go for Echo v5.

const root = "../" //nolint:unused // where the repository's files are: by the tests of the root

// newEcho returns an Echo that logs nothing and trusts X-Real-IP, like Echo v4.
func newEcho() *echo.Echo {
	return echo.NewWithConfig(echo.Config{Logger: slog.New(slog.DiscardHandler), IPExtractor: echo.LegacyIPExtractor()})
}

// A server serves an application on a listener until it is shut down or closed. It
// has Echo's timeouts.
type server struct {
	http   *http.Server
	stop   context.CancelFunc
	late   error // the error if it was not shut down in time
	served chan error
}

func serve(e *echo.Echo, l net.Listener) *server {
	ctx, stop := context.WithCancel(context.Background())
	s := &server{stop: stop, served: make(chan error, 1)}
	config := echo.StartConfig{
		Listener: l, HideBanner: true, HidePort: true,
		GracefulTimeout: 20 * time.Second, OnShutdownError: func(err error) { s.late = err },
	}
	started := make(chan struct{})
	config.BeforeServeFunc = func(server *http.Server) error {
		s.http = server
		close(started)
		return nil
	}
	go func() { s.served <- config.Start(ctx, e) }()
	<-started
	return s
}

// shutdown ends the server as an application does, with the context of Start.
func (s *server) shutdown(context.Context) error {
	s.stop()
	<-s.served
	return s.late
}

func (s *server) close() { //nolint:unused // by the tests of the root
	_ = s.http.Close()
	s.stop()
	<-s.served
}

// responseOf returns the response with its hooks and its status.
func responseOf(c *echo.Context) *echo.Response {
	r, err := echo.UnwrapResponse(c.Response())
	if err != nil {
		panic(err)
	}
	return r
}

// handleError responds with Echo's error handler.
func handleError(c *pull.Context, err error) { c.Echo().HTTPErrorHandler(c.Context, err) }

// dumpBody is middleware that reads the whole body before the handler runs.
func dumpBody() echo.MiddlewareFunc {
	return middleware.BodyDump(func(*echo.Context, []byte, []byte, error) {})
}

// hostGroup returns the group /pull. Echo v5 has no groups for one host; a virtual
// host is a separate Echo.
func hostGroup(e *echo.Echo) *echo.Group { return e.Group("/pull") } //nolint:unused // by the tests of the root

// headOf returns the script tag for the page of one of the plugin's handlers.
func headOf(c *pull.Context, p *pull.Plugin) string { return string(p.Head(c.Context)) } //nolint:unused // by the tests of the root

// exposeErrors makes Echo respond with the text of errors.
func exposeErrors(e *echo.Echo) { e.HTTPErrorHandler = echo.DefaultHTTPErrorHandler(true) } //nolint:unused // by the tests of the root

// serveAgain routes a request again, by its current path.
func serveAgain(c *echo.Context) error { return c.Echo().Router().Route(c)(c) } //nolint:unused // by the tests of the root
