package natsbroker

import (
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// How long a subscription waits before it tries again.
const (
	shortestWait = 50 * time.Millisecond
	longestWait  = 2 * time.Second
)

// An outage is a time in which the log cannot be read. It is told once, however
// many ways there are in which the server is out of reach.
type outage struct {
	mu   sync.Mutex // guards told
	told string     // what was returned last, "" outside an outage
}

// isNews reports whether an error is to be returned.
func (o *outage) isNews(err error) bool {
	o.mu.Lock()
	defer o.mu.Unlock()

	text := "out of reach"
	if !isOutOfReach(err) {
		text = err.Error()
	}
	news := text != o.told
	o.told = text
	return news
}

// end notes that the log can be read.
func (o *outage) end() {
	o.mu.Lock()
	defer o.mu.Unlock()

	o.told = ""
}

// isOutOfReach reports whether an error is about the connection, or the server as
// a whole, which the same call may reach later. All others are about the log.
func isOutOfReach(err error) bool {
	var missing *missingError
	var refused *refusedError
	var api *jetstream.APIError
	switch {
	case errors.Is(err, errOther), errors.As(err, &missing), errors.As(err, &refused), errors.Is(err, nats.ErrPermissionViolation):
		return false
	case errors.As(err, &api):
		return isUnready(err)
	}
	return true
}
