package main

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

var errGone = echo.NewHTTPError(http.StatusNotFound, "this task is gone")

// showError responds to people with a page. It returns false for programs, which
// get Echo's JSON.
func showError(c echo.Context, err error) (shown bool) {
	return wantsPage(c.Request()) && c.Render(status(err), "error", problem(err)) == nil
}

// problem is the content of an error page. The reason is shown only if it was
// meant for the client.
func problem(err error) map[string]any {
	code := status(err)
	data := map[string]any{"Status": code, "Title": http.StatusText(code)}
	if why := reason(err); why != data["Title"] {
		data["Reason"] = why
	}
	return data
}
