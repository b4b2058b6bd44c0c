package pulltest

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/plugintest"
)

// requestKey is where a context of Context has its request.
const requestKey = "pulltest.request"

// Context returns a context with an outbox, as a handler behind the plugin's
// middleware gets it, for a test that calls the handler itself. e may be nil. Set
// what the handler expects of other middleware, such as the user, on the context.
//
//	c := pulltest.Context(t, p, e, req, rec)
//	sent := pulltest.Sent(t, p, func() { err = pulltest.End(c, save(c)) })
//
// Nothing leaves before [End]. A request that the test does not end sends nothing.
// Afterwards the outbox returns pull.ErrTooLate.
func Context(t testing.TB, p *pull.Plugin, e *echo.Echo, req *http.Request, rec http.ResponseWriter) pull.Context { //nolint:ireturn // what a handler takes
	t.Helper()
	if e == nil {
		e = echo.New()
	}
	var c pull.Context
	base := e.NewContext(req, rec)
	r := plugintest.Begin(t, func(handler func() error) error {
		return p.Middleware()(pull.Handler(func(own pull.Context) error {
			c = own
			return handler()
		}))(base)
	})
	base.Set(requestKey, r)
	return c
}

// End ends the request of a context of [Context], as if the handler had returned
// err, and returns err: the events leave, or are discarded, as Config.Commit
// decides. It does not respond to an error; Echo would do that. It panics if the
// context is none of Context, or its request has ended.
func End(c pull.Context, err error) error {
	r, ok := c.Get(requestKey).(*plugintest.Request)
	if !ok {
		panic("pulltest: End needs a context of pulltest.Context")
	}
	if !r.End(err) {
		panic("pulltest: the request has ended before")
	}
	return err
}
