package pull

import (
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/echo-pull/pull/internal/engine"
)

// A Context is an [echo.Context] with the request's outbox.
type Context struct {
	*echo.Context

	outbox *Outbox
}

// Pull returns the outbox, as [From] does. It returns nil if the middleware
// is not installed or was skipped; the methods of a nil Outbox return
// ErrNoOutbox.
func (c *Context) Pull() *Outbox { return c.outbox }

// Handler adapts a handler that takes a [Context] to Echo.
func Handler(h func(*Context) error) echo.HandlerFunc {
	return func(c *echo.Context) error {
		s, _ := c.Request().Context().Value(scopeKey{}).(*scope)
		switch {
		case s == nil:
			return h(&Context{c, From(c.Request().Context())})
		case s.handler.Context != nil: // a handler around a handler
			return h(&Context{c, s.Outbox()})
		}
		s.handler = Context{c, s.Outbox()}
		return h(&s.handler)
	}
}

// A scope is what belongs to one request, in one allocation.
type scope struct {
	engine.Scope
	handler Context
	status  statusWriter
}

// A scopeKey finds the innermost scope of a plugin of this package.
type scopeKey struct{}

// Value implements [context.Context].
func (s *scope) Value(key any) any {
	if key == (scopeKey{}) {
		return s
	}
	return s.Scope.Value(key)
}

// Middleware gives every request an outbox and runs the epilogue. If the
// handler has succeeded (see Config.Commit), the epilogue hands the request's
// events to the plugin's own goroutine. Otherwise, and on a panic, it discards
// them. The response never waits for it. Register it after Recover and any
// middleware that writes error responses, so that it sees panics and errors
// first. Installing it twice has no effect.
//
// Middleware also serves the files of the browser client, before the middleware
// of the mounted group runs: a script tag cannot send the headers that a login
// may require. It serves handshakes with a ticket in the same place, for which the
// ticket is the login.
func (p *Plugin) Middleware() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if handshake := p.server.Handshake(c.Request(), c.Path()); handshake != nil {
				return handlerOf(handshake)(c)
			}
			switch {
			case p.server.IsFile(c.Request().Method, c.Path()):
				return echoError(p.server.ServeFile(request{c}))
			case p.config.Skipper(c):
				return next(c)
			}
			return p.handle(c, next)
		}
	}
}

// handle runs a handler in the scope of its request.
func (p *Plugin) handle(c *echo.Context, next echo.HandlerFunc) error {
	r := c.Request()
	if r.ContentLength != 0 && p.server.IsPost(c.Path()) {
		p.server.BoundPost(request{c})
	}
	parent, installed := p.engine.ScopeParent(r.Context())
	if installed {
		return next(c)
	}
	s := new(scope)
	engine.SetContext(r, s)
	s.Begin(p.engine, parent, r, c)
	return p.run(c, s, next)
}

func (p *Plugin) run(c *echo.Context, s *scope, next echo.HandlerFunc) (err error) {
	commit := false
	defer func() { s.End(commit) }() // also on a panic, which continues
	s.status.begin(c)
	defer s.status.end(c)
	err = next(c)
	commit = p.commits(c, s, err)
	return err
}

func (p *Plugin) commits(c *echo.Context, s *scope, err error) bool {
	if p.config.Commit != nil {
		return p.config.Commit(c, err)
	}
	return err == nil && s.status.highest() < http.StatusBadRequest
}
