package main

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// The example runs on Echo v4 and, through scripts/port5, on Echo v5. This file
// has the parts that differ in more than spelling; v5/testdata/example declares
// the same names for Echo v5.

// serve serves until ctx is done, and lets running requests finish.
func serve(ctx context.Context, e *echo.Echo, l net.Listener) error {
	e.HideBanner, e.HidePort, e.Listener = true, true, l
	go func() { slog.Info("stopping", "reason", e.Start("")) }()
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return e.Shutdown(ctx)
}

// head returns the script tag of a page.
func head(c pull.Context, p *pull.Plugin) template.HTML { return p.Head(c) }

// handleErrors makes showError respond to errors, and Echo to those that it declines.
func handleErrors(e *echo.Echo) {
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if c.Response().Committed || !showError(c, err) {
			e.DefaultHTTPErrorHandler(err, c)
		}
	}
}

// status returns the status of the response to an error.
func status(err error) int {
	var known *echo.HTTPError
	if errors.As(err, &known) {
		return known.Code
	}
	return http.StatusInternalServerError
}

// reason returns the message of an error for the client, or "".
func reason(err error) string {
	var known *echo.HTTPError
	if errors.As(err, &known) {
		return fmt.Sprint(known.Message)
	}
	return ""
}
