package pull

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/echo-pull/pull/internal/web"
)

// A request is an *echo.Context as the core sees it.
type request struct{ c *echo.Context }

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
func (r request) Committed() bool               { return statusOf(r.c.Response()) > 0 }
func (r request) Begin(status int)              { runHooks(r.c.Response(), status) }
func (r request) Unbegin()                      { uncommit(r.c.Response()) }
func (r request) HasStatus(err error) bool      { return echo.StatusCode(err) != 0 }

// CanHijack reports whether the connection can be taken over. Echo's
// writers always have a method Hijack; whether it works depends on the writer below.
func (r request) CanHijack() bool {
	_, ok := web.Bare(r.c.Response()).(http.Hijacker)
	return ok
}

// echoError returns an error of the core as one of Echo's.
func echoError(err error) error {
	var refusal *web.RefusalError
	if errors.As(err, &refusal) {
		return echo.NewHTTPError(refusal.Status, refusal.Reason)
	}
	return err
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
	below := r.ResponseWriter
	defer func() { r.ResponseWriter = below }()
	r.ResponseWriter = web.Unsent{ResponseWriter: below}
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
