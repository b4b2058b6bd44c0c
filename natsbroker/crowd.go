package natsbroker

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A crowd is several nodes that publish at the same time. A node that is near the
// server would always be ahead of one that is not. So a node that was overtaken
// asks the others for a turn, and for a second, all wait a little between two of
// their frames.
type crowd struct {
	mu       sync.Mutex // guards what follows
	noted    time.Time  // when a node asked for a turn
	asked    time.Time  // when this node did
	stored   time.Time  // when this node had its last turn
	verified time.Time
}

func (b *Broker) turnSubject() string { return b.config.Prefix + ".turn" }

// askForTurn asks the other nodes to let this one publish.
func (b *Broker) askForTurn() {
	if b.crowd.askNow() {
		_ = b.conn.Publish(b.turnSubject(), nil) // else it takes longer
	}
}

// note notes that a node asks for a turn.
func (c *crowd) note() {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.noted = time.Now()
}

// askNow notes that this node was overtaken, and reports whether it is time to ask.
func (c *crowd) askNow() bool {
	const often = 100 * time.Millisecond
	c.mu.Lock()
	defer c.mu.Unlock()

	c.stored = time.Time{} // it did not have its turn
	c.noted = time.Now()
	due := c.noted.Sub(c.asked) > often
	if due {
		c.asked = c.noted
	}
	return due
}

// letOthers waits if that is due.
func (c *crowd) letOthers(ctx context.Context) error {
	const breath = 4 * time.Millisecond
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
