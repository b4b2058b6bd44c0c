package redisbroker

import (
	"errors"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// An outage is a time in which the log cannot be read. Subscriptions that begin
// meanwhile return an error only if it is another one: there are many ways in
// which a server is out of reach.
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

// lasts reports whether there is an outage.
func (o *outage) lasts() bool {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.told != ""
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
	if errors.Is(err, errOther) || errors.Is(err, errReply) {
		return false
	}
	var reply redis.Error
	if !errors.As(err, &reply) {
		return true
	}
	for _, temporary := range []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "MISCONF", "OOM", "NOREPLICAS"} {
		if strings.Contains(reply.Error(), temporary) {
			return true
		}
	}
	return false
}
