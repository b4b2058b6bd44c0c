package pull

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/web"
)

// A request is an echo.Context as the core sees it.
type request struct{ c echo.Context }

func (r request) Request() *http.Request        { return r.c.Request() }
func (r request) Response() http.ResponseWriter { return r.c.Response() }
func (r request) Framework() any                { return r.c }
func (r request) Route() string                 { return r.c.Path() }
func (r request) Param(name string) string      { return r.c.Param(name) }
func (r request) RealIP() string                { return r.c.RealIP() }
func (r request) Scheme() string                { return r.c.Scheme() }
func (r request) Get(key string) any            { return r.c.Get(key) }
func (r request) Set(key string, value any)     { r.c.Set(key, value) }
func (r request) JSON(status int, v any) error  { return r.c.JSON(status, v) }
func (r request) Committed() bool               { return r.c.Response().Committed }
func (r request) CanHijack() bool               { return hijacks(r.c.Response()) }
func (r request) Begin(status int)              { runHooks(r.c.Response(), status) }
func (r request) Unbegin()                      { uncommit(r.c.Response()) }

func (r request) HasStatus(err error) bool {
	var status *echo.HTTPError
	return errors.As(err, &status)
}

// echoError returns an error of the core as one of Echo's.
func echoError(err error) error {
	var refusal *web.RefusalError
	if errors.As(err, &refusal) {
		return echo.NewHTTPError(refusal.Status, refusal.Reason)
	}
	return err
}

// hijacks reports whether the connection can be taken over. An Echo response
// always has a method Hijack; whether it works depends on the writer below.
func hijacks(w http.ResponseWriter) bool {
	for ; w != nil; w = web.Unwrap(w) {
		if _, response := w.(*echo.Response); response {
			continue
		}
		if _, ok := w.(http.Hijacker); ok {
			return true
		}
	}
	return false
}

// runHooks runs what the application has registered by Response.Before, such as
// a session's cookie: the header of a stream or an upgrade is not written through
// Echo. There is more than one response where middleware of net/http is wrapped.
func runHooks(w http.ResponseWriter, status int) {
	for ; w != nil; w = web.Unwrap(w) {
		if r, ok := w.(*echo.Response); ok && !r.Committed {
			commit(r, status)
		}
	}
}

// commit runs the hooks of a response and sends nothing.
func commit(r *echo.Response, status int) {
	below := r.Writer
	defer func() { r.Writer = below }()
	r.Writer = web.Unsent{ResponseWriter: below}
	r.WriteHeader(status)
}

// uncommit takes back what runHooks has done: nothing was sent.
func uncommit(w http.ResponseWriter) {
	for ; w != nil; w = web.Unwrap(w) {
		if r, ok := w.(*echo.Response); ok {
			r.Committed = false
		}
	}
}
