package pull

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"
)

// A Context is an echo.Context with the request's outbox.
type Context interface {
	echo.Context

	// Pull returns the outbox, as [From] does. It returns nil if the middleware
	// is not installed or was skipped; the methods of a nil Outbox return
	// ErrNoOutbox.
	Pull() *Outbox
}

// Handler adapts a handler that takes a [Context] to Echo.
func Handler(h func(Context) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		s := scopeOf(c.Request().Context(), nil)
		switch {
		case s == nil:
			return h(&handlerContext{Context: c})
		case s.handler.Context != nil: // a handler around a handler
			return h(&handlerContext{Context: c, outbox: &s.outbox})
		}
		s.handler = handlerContext{Context: c, outbox: &s.outbox}
		return h(&s.handler)
	}
}

type handlerContext struct {
	echo.Context
	outbox *Outbox
}

func (c *handlerContext) Pull() *Outbox { return c.outbox }

// Middleware gives every request an outbox and runs the epilogue. If the
// handler has succeeded (see Config.Commit), the epilogue hands the request's
// events to the plugin's own goroutine. Otherwise, and on a panic, it discards
// them. The response never waits for it. Register it after Recover and any
// middleware that writes error responses, so that it sees panics and errors
// first. Installing it twice has no effect.
//
// Middleware also serves the files of the browser client, before the middleware
// of the mounted group runs: a script tag cannot send the headers that a login
// may require.
func (p *Plugin) Middleware() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if a := p.assetOf(c); a != nil {
				return bounded(a.serve)(c)
			}
			if p.config.Skipper(c) {
				return next(c)
			}
			r := c.Request()
			p.boundPost(c, r)
			parent, installed := p.enclosing(r.Context())
			if installed {
				return next(c)
			}
			s := p.open(c, r, parent)
			setContext(r, s)
			s.body = replaceBody(r, p.node)
			return p.run(c, s, next)
		}
	}
}

// enclosing returns the context for a new scope, without the scopes of a request
// that is served again, or tells that the plugin has a scope already: then the
// middleware is installed twice.
func (p *Plugin) enclosing(ctx context.Context) (parent context.Context, installed bool) {
	outer := scopeOf(ctx, nil)
	if outer == nil {
		return ctx, false
	}
	if own := scopeOf(ctx, p); own != nil && !own.outbox.ended.Load() {
		return ctx, true
	}
	if outer.outbox.ended.Load() {
		return p.enclosing(outer.Context)
	}
	return ctx, false // within another plugin's
}

// setContext gives the request itself another context. A copy of it, which is
// what WithContext is for, would cost an allocation, and the server would not
// see a multipart form parsed in the copy, whose files it has to remove. Nobody
// else reads the request before the handler has begun.
func setContext(r *http.Request, ctx context.Context) { *r = *r.WithContext(ctx) }

func (p *Plugin) open(c echo.Context, r *http.Request, parent context.Context) *scope {
	s := &scope{Context: parent, echo: c}
	s.outbox.plugin, s.outbox.header, s.outbox.began = p, r.Header, p.node.Cursor()
	s.outbox.scope, s.disconnects = s, p.node.Disconnects()
	return s
}

func (p *Plugin) run(c echo.Context, s *scope, next echo.HandlerFunc) (err error) {
	commit := false
	defer func() { s.outbox.end(commit) }() // on a panic too, which goes on
	err = next(c)
	commit = p.commits(c, err)
	return err
}

func (p *Plugin) commits(c echo.Context, err error) bool {
	if p.config.Commit != nil {
		return p.config.Commit(c, err)
	}
	return err == nil && (!c.Response().Committed || c.Response().Status < http.StatusBadRequest)
}

// Section marks a group of routes as a section. Head uses it to decide what to
// render on their pages.
func (p *Plugin) Section(section Section) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Set(p.sectionKey, section)
			return next(c)
		}
	}
}

func (p *Plugin) sectionOf(c echo.Context) Section {
	if section, ok := c.Get(p.sectionKey).(Section); ok {
		return section
	}
	return PublicSection
}
