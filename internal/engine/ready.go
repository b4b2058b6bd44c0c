package engine

import (
	"errors"
	"time"

	"github.com/echo-pull/pull/internal/publish"
)

var errUnsubscribed = errors.New("pull: the subscription to the log has failed and is being renewed")

// Ready returns nil if the node accepts sessions, and events reach it through the
// log. Otherwise it returns why not.
func (e *Engine) Ready() error {
	if e.isClosed() {
		return publish.ErrClosed
	}
	if err := e.publisher.Ready(); err != nil {
		return err
	}
	if e.unsubscribed.Load() {
		return errUnsubscribed
	}
	return e.hub.Reached(time.Now())
}

func (e *Engine) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.closed
}
