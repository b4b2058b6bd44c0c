package pull

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/envelope"
)

// A scope is what belongs to one request, in one allocation: its outbox, the
// context that carries it, the Context of its handler, and who the user is. None
// of it is kept in the echo.Context, because Echo gives that to the next request:
// a goroutine left behind would add its events to someone else's outbox.
//
// Where several plugins serve a request each has a scope, one within the other.
type scope struct {
	context.Context //nolint:containedctx // it is a context
	outbox          Outbox
	handler         handlerContext
	echo            echo.Context
	identity        atomic.Pointer[identity] // nil until it is asked for
	disconnects     uint64                   // there were when the request began
	body            *lateBody                // nil of a request without a body
}

// A scopeKey finds the scope of a plugin, or for nil the innermost.
type scopeKey struct{ plugin *Plugin }

func (s *scope) Value(key any) any {
	switch key := key.(type) {
	case outboxKey:
		return &s.outbox
	case scopeKey:
		if key.plugin == nil || key.plugin == s.outbox.plugin {
			return s
		}
	}
	return s.Context.Value(key)
}

func scopeOf(ctx context.Context, p *Plugin) *scope {
	s, _ := ctx.Value(scopeKey{p}).(*scope)
	return s
}

// user returns who is behind the request, as long as that is under way.
func (s *scope) user() (string, error) {
	user, err := s.identify(s.outbox.plugin, s.echo)
	if s.outbox.ended.Load() {
		return "", ErrTooLate
	}
	return user, err
}

// identify returns who is behind the request, which p and c belong to.
func (s *scope) identify(p *Plugin, c echo.Context) (string, error) {
	if s.identity.Load() == nil {
		s.identity.CompareAndSwap(nil, new(identity))
	}
	return s.identity.Load().of(p, c)
}

// endIdentity waits for a call that is under way, because it reads the request
// that ends now, and allows no further one.
func (s *scope) endIdentity() {
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

func (i *identity) of(p *Plugin, c echo.Context) (string, error) {
	if i.asking.Load() && withinCallUser() {
		return "", errCircular
	}
	i.once.Do(func() {
		i.err = errNoAnswer // unless it returns
		i.asking.Store(true)
		defer i.asking.Store(false)
		i.user, i.err = p.callUser(c)
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
		if strings.HasSuffix(frame.Function, ".(*Plugin).callUser") {
			return true
		}
		if !more {
			return false
		}
	}
}

// userOf returns who is behind a request. Where the request has no scope, its
// echo.Context keeps the answer.
func (p *Plugin) userOf(c echo.Context) (string, error) {
	if s := scopeOf(c.Request().Context(), p); s != nil && !s.outbox.ended.Load() {
		return s.identify(p, c)
	}
	i, known := c.Get(p.identityKey).(*identity)
	if !known {
		i = new(identity)
		c.Set(p.identityKey, i)
	}
	return i.of(p, c)
}

// callUser calls Config.User, and turns down what cannot be a user.
func (p *Plugin) callUser(c echo.Context) (string, error) {
	user, err := p.config.User(c)
	if err != nil || user == "" {
		return "", err
	}
	if err := envelope.CheckIDs("user id", []string{user}); err != nil {
		err = fmt.Errorf("%w, from Config.User", err)
		p.config.OnError(err)
		return "", err
	}
	return strings.Clone(user), nil // it may be a part of a large header, and outlives the request
}
