package engine

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/echo-pull/pull/internal/envelope"
)

// An Identity is the user of a request, for which Config.User is called once.
type Identity struct {
	once    sync.Once
	running atomic.Bool // Config.User is running
	user    string
	err     error
}

var (
	errNoReturn = errors.New("pull: Config.User did not return")
	errCircular = errors.New("pull: Config.User calls what needs the user, such as Outbox.Watch")

	endedIdentity = newEndedIdentity() //nolint:gochecknoglobals // a constant: of a request that ended before the user was needed
)

// User returns the user of the request.
func (i *Identity) User(e *Engine, request any) (string, error) {
	if i.running.Load() && withinCallUser() {
		return "", errCircular
	}
	i.once.Do(func() {
		i.err = errNoReturn // stays if Config.User panics
		i.running.Store(true)
		defer i.running.Store(false)
		i.user, i.err = e.callUser(request)
	})
	return i.user, i.err
}

func newEndedIdentity() *Identity {
	i := new(Identity)
	i.close()
	return i
}

// close prevents further calls of Config.User, after waiting for a running one.
func (i *Identity) close() { i.once.Do(func() { i.err = ErrTooLate }) }

// withinCallUser reports whether the calling goroutine is inside Config.User,
// where waiting for its result would block forever.
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

// callUser calls Config.User, and returns an error if the result cannot be a
// user id. withinCallUser looks for its name.
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
	return strings.Clone(user), nil // it may be part of a large header, and outlives the request
}
