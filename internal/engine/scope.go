package engine

import (
	"context"
	"net/http"
	"time"

	"github.com/echo-pull/pull/internal/session"
)

// A Scope holds what belongs to one request: its outbox and its user. It is also
// the request's context, from which both are found. Nothing is kept in the
// framework's own context, because that serves another request afterwards: a
// goroutine left behind would add its events to the outbox of that request.
//
// It is the outbox itself, with the methods that only the plugin calls. If several
// plugins serve a request, each has a scope, one inside the other.
type Scope Outbox

// An engineKey is the key of an engine's scope in a context, or with nil of the
// innermost scope.
type engineKey struct{ engine *Engine }

// Value implements [context.Context].
func (s *Scope) Value(key any) any {
	switch key := key.(type) {
	case outboxKey:
		return s.Outbox()
	case engineKey:
		if key.engine == nil || key.engine == s.engine {
			return s
		}
	}
	return s.parent.Value(key)
}

// Deadline implements [context.Context].
func (s *Scope) Deadline() (deadline time.Time, ok bool) { return s.parent.Deadline() }

// Done implements [context.Context].
func (s *Scope) Done() <-chan struct{} { return s.parent.Done() }

// Err implements [context.Context].
func (s *Scope) Err() error { return s.parent.Err() }

// ScopeOf returns the engine's scope of the request that ctx belongs to, or nil.
func (e *Engine) ScopeOf(ctx context.Context) *Scope {
	s, _ := ctx.Value(engineKey{e}).(*Scope)
	return s
}

// Begin begins the scope of a request whose context is parent.
func (s *Scope) Begin(e *Engine, parent context.Context, r *http.Request, request any) {
	s.parent, s.engine, s.request, s.header = parent, e, request, r.Header
	s.began, s.disconnects = e.hub.Cursor(), e.hub.Disconnects()
	s.body = recordBody(r, e.hub)
}

// End ends the scope: it publishes the events of the request if commit is true,
// else it discards them.
func (s *Scope) End(commit bool) { s.Outbox().finish(commit) }

// Ended reports whether the request has ended.
func (s *Scope) Ended() bool { return s.Outbox().hasEnded() }

// Outbox returns the outbox of the request.
func (s *Scope) Outbox() *Outbox { return (*Outbox)(s) }

// Disconnects returns the result of [hub.Hub.Disconnects] when the request began.
func (s *Scope) Disconnects() uint64 { return s.disconnects }

// SetHeader replaces the request's header, so that the scope does not keep the
// whole header in memory.
func (s *Scope) SetHeader(h http.Header) { s.header = h }

// ScopeParent returns the parent for a new scope. That is ctx without the ended
// scopes of a request that is served again. ScopeParent reports whether the
// engine already has a scope: then the middleware is installed twice.
func (e *Engine) ScopeParent(ctx context.Context) (parent context.Context, installed bool) {
	outer, _ := ctx.Value(engineKey{}).(*Scope)
	if outer == nil {
		return ctx, false
	}
	if own := e.ScopeOf(ctx); own != nil && !own.Ended() {
		return ctx, true
	}
	if outer.Ended() {
		return e.ScopeParent(outer.parent)
	}
	return ctx, false // inside another plugin's scope
}

// currentUser returns the user of the request, or ErrTooLate once the request
// has ended.
func (s *Scope) currentUser() (string, error) {
	login, err := s.Login(s.request)
	if s.Ended() {
		return "", ErrTooLate
	}
	return login.User, err
}

// Login returns the login of the request. Config.User or Config.Session is called once
// for each request, with the framework's context that is given: middleware may have
// wrapped that of the scope.
func (s *Scope) Login(request any) (session.Login, error) {
	if s.identity.Load() == nil {
		s.identity.CompareAndSwap(nil, new(Identity))
	}
	return s.identity.Load().Login(s.engine, request)
}

// endIdentity waits for a running call of the application's function, which reads the request
// that ends now, and prevents further ones.
func (s *Scope) endIdentity() {
	if !s.identity.CompareAndSwap(nil, endedIdentity) {
		s.identity.Load().close()
	}
}

// SetContext gives the request itself another context. A copy of it, which is
// what WithContext is for, would cost an allocation, and the server would not
// see a multipart form parsed in the copy, whose files it has to remove. Nobody
// else reads the request before the handler has begun.
func SetContext(r *http.Request, ctx context.Context) { *r = *r.WithContext(ctx) }
