package natsbroker

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A crowd is several nodes that publish at the same time. Each of them waits a
// little between two of its frames then: a node that is near the server would
// otherwise always be ahead of one that is not.
type crowd struct {
	mu       sync.Mutex // guards what follows
	noted    time.Time  // when another node was ahead
	stored   time.Time  // when this node had its last turn
	verified time.Time
}

// note notes that another node has been ahead.
func (c *crowd) note() {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.noted = time.Now()
	c.stored = time.Time{} // this node did not have its turn
}

// letOthers waits if that is due.
func (c *crowd) letOthers(ctx context.Context) error {
	const breath = 2 * time.Millisecond
	c.mu.Lock()
	crowded := !c.noted.IsZero() && time.Since(c.noted) < time.Second
	wait := breath - time.Since(c.stored)
	c.mu.Unlock()

	if crowded && wait > 0 && !pause(ctx, wait/2+rand.N(wait)) { //nolint:gosec // no secret
		return context.Cause(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()

	c.stored = time.Now()
	return nil
}

// verifyNow reports whether it is time to verify what this node knows of the log.
func (c *crowd) verifyNow() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	now := time.Now()
	due := now.Sub(c.verified) > time.Second
	if due {
		c.verified = now
	}
	return due
}
