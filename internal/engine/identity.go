package engine

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/session"
)

// An Identity is the login of a request, for which Config.User or Config.Session is
// called once.
type Identity struct {
	once    sync.Once
	running atomic.Bool // the application's function is running
	login   session.Login
	err     error
}

var (
	errNoReturn    = errors.New("pull: Config.User or Config.Session did not return")
	errCircular    = errors.New("pull: Config.User or Config.Session calls what needs the user, such as Outbox.Watch")
	errSessionOver = errors.New("pull: the session is over")

	endedIdentity = newEndedIdentity() //nolint:gochecknoglobals // a constant: of a request that ended before the user was needed
)

// Login returns the login of the request.
func (i *Identity) Login(e *Engine, request any) (session.Login, error) {
	if i.running.Load() && withinCallLogin() {
		return session.Login{}, errCircular
	}
	i.once.Do(func() {
		i.err = errNoReturn // stays if Config.User panics
		i.running.Store(true)
		defer i.running.Store(false)
		i.login, i.err = e.callLogin(request)
	})
	return i.login, i.err
}

func newEndedIdentity() *Identity {
	i := new(Identity)
	i.close()
	return i
}

// close prevents further calls of the application's function, after waiting for a running one.
func (i *Identity) close() { i.once.Do(func() { i.err = ErrTooLate }) }

// withinCallLogin reports whether the calling goroutine is inside Config.User or Config.Session,
// where waiting for its result would block forever.
func withinCallLogin() bool {
	var callers [256]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, ".(*Engine).callLogin") {
			return true
		}
		if !more {
			return false
		}
	}
}

// callLogin calls Config.User or Config.Session. It returns an error if the result
// cannot be a user id, or if the session is over. withinCallLogin looks for its name.
func (e *Engine) callLogin(request any) (session.Login, error) {
	if e.config.Session == nil {
		user, err := e.config.User(request)
		if err != nil {
			return session.Login{}, err
		}
		user, err = e.checkUser(user, "Config.User")
		return session.Login{User: user}, err
	}
	s, err := e.config.Session(request)
	if err != nil {
		return session.Login{}, err
	}
	user, err := e.checkUser(s.User, "Config.Session")
	if err != nil {
		return session.Login{}, err
	}
	now := time.Now()
	lease := session.LeaseOf(&s, now)
	if lease.IsOver(now) {
		return session.Login{}, errSessionOver
	}
	return session.Login{User: user, Lease: lease}, nil
}

// checkUser returns a copy of a user id, or an error if it cannot be one.
func (e *Engine) checkUser(user, source string) (string, error) {
	if user == "" {
		return "", nil
	}
	if err := envelope.CheckIDs("user id", []string{user}); err != nil {
		err = fmt.Errorf("%w, from %s", err, source)
		e.config.OnError(err)
		return "", err
	}
	return strings.Clone(user), nil // it may be part of a large header, and outlives the request
}
