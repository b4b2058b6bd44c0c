package main

import (
	"context"
	"errors"
	"html/template"
	"net"
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/echo-pull/pull/v5"
)

// This file declares the names of example/echo.go for Echo v5. The other files
// are the example's, translated:
//
//	go run ./scripts/port5 run ./testdata/example

// serve serves until ctx is done, and lets running requests finish.
func serve(ctx context.Context, e *echo.Echo, l net.Listener) error {
	var late error
	server := echo.StartConfig{Listener: l, HideBanner: true, HidePort: true, OnShutdownError: func(err error) { late = err }}
	err := server.Start(ctx, e)
	return errors.Join(err, late)
}

// head returns the script tag of a page.
func head(c *pull.Context, p *pull.Plugin) template.HTML { return p.Head(c.Context) }

// handleErrors makes showError respond to errors, and Echo to those that it declines.
func handleErrors(e *echo.Echo) {
	sendJSON := echo.DefaultHTTPErrorHandler(false)
	e.HTTPErrorHandler = func(c *echo.Context, err error) {
		if r, _ := echo.UnwrapResponse(c.Response()); r.Committed || !showError(c, err) {
			sendJSON(c, err)
		}
	}
}

// status returns the status of the response to an error.
func status(err error) int {
	if code := echo.StatusCode(err); code != 0 {
		return code
	}
	return http.StatusInternalServerError
}

// reason returns the message of an error for the client, or "".
func reason(err error) string {
	var known *echo.HTTPError
	if errors.As(err, &known) {
		return known.Message
	}
	return ""
}
