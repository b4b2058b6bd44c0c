package push

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/echo-pull/pull/internal/notification"
)

var errBusy = errors.New("too many notifications wait for this push service")

const maxGates = 1024

// gates bound the requests to each host, and hold them back while a host's
// Retry-After lasts. A host that hangs gets one request at a time until it responds
// again, and holds up no other callers.
type gates struct {
	parallel int // requests at the same time
	waiting  int // callers that wait for their turn

	mu    sync.Mutex // guards hosts and what is in its gates, except for slots
	hosts map[string]*gate
}

type gate struct {
	slots chan struct{} // holds one for each request under way
	users int           // requests under way, and callers that wait
	until time.Time     // the host is left alone until then

	responded time.Time // when it last responded
	hangs     bool      // it has not responded to a request in time, nor to a later one
}

// enter waits for a turn to send to a host, for as long as ctx lasts. After nil
// the caller must call leave. Otherwise it returns a RetryError; if After is zero
// in it, when to try again is up to the caller.
func (g *gates) enter(ctx context.Context, host string) error {
	gt, err := g.join(host)
	if err != nil {
		return err
	}
	select {
	case gt.slots <- struct{}{}:
	case <-ctx.Done():
		g.quit(host, gt)
		return &notification.RetryError{Err: fmt.Errorf("push: wait for %s: %w", host, context.Cause(ctx))}
	}
	if err := g.closed(host, gt); err != nil {
		g.leave(host)
		return err
	}
	return nil
}

// join counts one more user of a host's gate.
func (g *gates) join(host string) (*gate, error) {
	g.mu.Lock()
	defer g.mu.Unlock()

	gt := g.at(host)
	if err := gt.closed(host); err != nil {
		return nil, err
	}
	if gt.users >= g.most(gt) {
		return nil, &notification.RetryError{Err: fmt.Errorf("push: %s: %w", host, errBusy)}
	}
	gt.users++
	return gt, nil
}

// most returns how many users a gate may have. The caller holds the lock.
func (g *gates) most(gt *gate) int {
	if gt.hangs {
		return 1
	}
	return g.parallel + g.waiting
}

// at returns the gate of a host. The caller holds the lock.
func (g *gates) at(host string) *gate {
	if gt, found := g.hosts[host]; found {
		return gt
	}
	if len(g.hosts) >= maxGates {
		maps.DeleteFunc(g.hosts, func(_ string, gt *gate) bool { return gt.users == 0 })
	}
	gt := &gate{slots: make(chan struct{}, g.parallel)}
	g.hosts[host] = gt
	return gt
}

func (g *gates) closed(host string, gt *gate) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return gt.closed(host)
}

func (gt *gate) closed(host string) error {
	if wait := time.Until(gt.until); wait > 0 {
		return &notification.RetryError{After: wait, Err: fmt.Errorf("push: %s: the wait of its Retry-After ends in %s", host, wait.Round(time.Second))}
	}
	return nil
}

// leave ends a turn.
func (g *gates) leave(host string) {
	g.mu.Lock()
	gt := g.hosts[host]
	g.mu.Unlock()

	<-gt.slots
	g.quit(host, gt)
}

// quit counts one user of a gate less, and removes a gate that is not needed.
func (g *gates) quit(host string, gt *gate) {
	g.mu.Lock()
	defer g.mu.Unlock()

	if gt.users--; gt.users == 0 && time.Until(gt.until) <= 0 && !gt.hangs {
		delete(g.hosts, host)
	}
}

// respond notes that a host responds.
func (g *gates) respond(host string) {
	g.mu.Lock()
	defer g.mu.Unlock()

	gt := g.at(host)
	gt.responded, gt.hangs = time.Now(), false
}

// hang notes that a host has not responded in time to a request of its gate. It
// hangs unless it has responded to another one since. Then those who wait for their
// turn need not do that: they are sent away.
func (g *gates) hang(host string, began time.Time) {
	g.mu.Lock()
	hangs := g.at(host).responded.Before(began)
	g.at(host).hangs = hangs
	g.mu.Unlock()

	if hangs {
		g.close(host, shortestWait)
	}
}

// close lets nothing through to a host for some time.
func (g *gates) close(host string, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()

	gt := g.at(host)
	if until := time.Now().Add(wait); until.After(gt.until) {
		gt.until = until
	}
}
