package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/echo-pull/pull/internal/envelope"
)

// A Scope is what belongs to one request: its outbox, the context that carries it,
// and who the user is. None of it is kept in the framework's own context, because
// that serves the next request afterwards: a goroutine left behind would add its
// events to someone else's outbox.
//
// Where several plugins serve a request each has a scope, one within the other.
type Scope struct {
	context.Context //nolint:containedctx // it is a context
	outbox          Outbox
	request         any                      // the framework's own context
	identity        atomic.Pointer[identity] // nil until it is asked for
	disconnects     uint64                   // there were when the request began
	body            *lateBody                // nil of a request without a body
}

// An engineKey finds the scope of an engine, or for nil the innermost.
type engineKey struct{ engine *Engine }

// Value implements [context.Context].
func (s *Scope) Value(key any) any {
	switch key := key.(type) {
	case outboxKey:
		return &s.outbox
	case engineKey:
		if key.engine == nil || key.engine == s.outbox.engine {
			return s
		}
	}
	return s.Context.Value(key)
}

// ScopeOf returns the engine's scope of the request that ctx belongs to, or nil.
func (e *Engine) ScopeOf(ctx context.Context) *Scope {
	s, _ := ctx.Value(engineKey{e}).(*Scope)
	return s
}

// Begin begins the scope of a request, whose context parent is.
func (s *Scope) Begin(e *Engine, parent context.Context, r *http.Request, request any) {
	s.Context, s.request = parent, request
	s.outbox.engine, s.outbox.header, s.outbox.began = e, r.Header, e.hub.Cursor()
	s.outbox.scope, s.disconnects = s, e.hub.Disconnects()
	s.body = replaceBody(r, e.hub)
}

// End is the epilogue: it publishes the events of the request, or discards them.
func (s *Scope) End(commit bool) { s.outbox.end(commit) }

// Ended reports whether the request has ended.
func (s *Scope) Ended() bool { return s.outbox.ended.Load() }

// Outbox returns the outbox of the request.
func (s *Scope) Outbox() *Outbox { return &s.outbox }

// Disconnects returns how many there were when the request began.
func (s *Scope) Disconnects() uint64 { return s.disconnects }

// KeepHeader has the scope keep no other header of the request alive.
func (s *Scope) KeepHeader(h http.Header) { s.outbox.header = h }

// Enclosing returns the context for a new scope, without the scopes of a request
// that is served again, or reports that the engine has a scope already: then the
// middleware is installed twice.
func (e *Engine) Enclosing(ctx context.Context) (parent context.Context, installed bool) {
	outer, _ := ctx.Value(engineKey{}).(*Scope)
	if outer == nil {
		return ctx, false
	}
	if own := e.ScopeOf(ctx); own != nil && !own.Ended() {
		return ctx, true
	}
	if outer.Ended() {
		return e.Enclosing(outer.Context)
	}
	return ctx, false // within another plugin's
}

// user returns who is behind the request, as long as that is under way.
func (s *Scope) user() (string, error) {
	user, err := s.User()
	if s.Ended() {
		return "", ErrTooLate
	}
	return user, err
}

// User returns who is behind the request. Config.User is called once for it.
func (s *Scope) User() (string, error) {
	if s.identity.Load() == nil {
		s.identity.CompareAndSwap(nil, new(identity))
	}
	return s.identity.Load().of(s.outbox.engine, s.request)
}

// endIdentity waits for a call that is under way, because it reads the request
// that ends now, and allows no further one.
func (s *Scope) endIdentity() {
	if !s.identity.CompareAndSwap(nil, noIdentity) {
		s.identity.Load().end()
	}
}

// An identity is who is behind a request, for which Config.User is called once.
type identity struct {
	once   sync.Once
	asking atomic.Bool // Config.User runs
	user   string
	err    error
}

var (
	errNoAnswer = errors.New("pull: Config.User did not return")
	errCircular = errors.New("pull: Config.User calls what needs the user, such as Outbox.Watch")

	noIdentity = endedIdentity() //nolint:gochecknoglobals // a constant: of a request that has ended before anybody asked
)

func (i *identity) of(e *Engine, request any) (string, error) {
	if i.asking.Load() && withinCallUser() {
		return "", errCircular
	}
	i.once.Do(func() {
		i.err = errNoAnswer // unless it returns
		i.asking.Store(true)
		defer i.asking.Store(false)
		i.user, i.err = e.callUser(request)
	})
	return i.user, i.err
}

func endedIdentity() *identity {
	i := new(identity)
	i.end()
	return i
}

func (i *identity) end() { i.once.Do(func() { i.err = ErrTooLate }) }

// withinCallUser tells whether the calling goroutine is inside of Config.User,
// where waiting for its result would take forever.
func withinCallUser() bool {
	var callers [256]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, ".(*Engine).callUser") {
			return true
		}
		if !more {
			return false
		}
	}
}

// An Identity is who is behind a request that has no scope.
type Identity struct{ identity }

// Of returns who is behind the request, for which Config.User is called once.
func (i *Identity) Of(e *Engine, request any) (string, error) { return i.of(e, request) }

// callUser calls Config.User, and turns down what cannot be a user.
func (e *Engine) callUser(request any) (string, error) {
	user, err := e.config.User(request)
	if err != nil || user == "" {
		return "", err
	}
	if err := envelope.CheckIDs("user id", []string{user}); err != nil {
		err = fmt.Errorf("%w, from Config.User", err)
		e.config.OnError(err)
		return "", err
	}
	return strings.Clone(user), nil // it may be a part of a large header, and outlives the request
}
