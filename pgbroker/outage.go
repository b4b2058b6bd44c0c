package pgbroker

import (
	"errors"
	"strings"
	"sync"
	"time"
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
	if errors.Is(err, errOther) || errors.Is(err, errNameless) {
		return false
	}
	state := stateOf(err)
	return state == "" || strings.HasPrefix(state, "08") || strings.HasPrefix(state, "53") || strings.HasPrefix(state, "57")
}

// stateOf returns the SQLSTATE of an error, or "".
func stateOf(err error) string {
	var coded interface{ SQLState() string } // the errors of pgx, and of lib/pq
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}
