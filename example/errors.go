package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"
)

var errGone = echo.NewHTTPError(http.StatusNotFound, "this task is gone")

// showError shows people a page, and sends programs what Echo sends: JSON.
func showError(err error, c echo.Context) {
	if !c.Response().Committed && wantsPage(c.Request()) && c.Render(status(err), "error", problem(err)) == nil {
		return
	}
	c.Echo().DefaultHTTPErrorHandler(err, c)
}

func status(err error) int {
	var known *echo.HTTPError
	if errors.As(err, &known) {
		return known.Code
	}
	return http.StatusInternalServerError
}

// problem is what the page says of an error. The reason is shown only where it
// was meant for the client.
func problem(err error) map[string]any {
	code := status(err)
	data := map[string]any{"Status": code, "Title": http.StatusText(code)}
	var known *echo.HTTPError
	if errors.As(err, &known) && known.Message != data["Title"] {
		data["Reason"] = fmt.Sprint(known.Message)
	}
	return data
}
