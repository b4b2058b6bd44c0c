package conn

import (
	"errors"
	"os"
)

// Flush writes what is queued, and what Conn reads from the window, until
// nothing is left or the connection ends. Only a transport calls it, after
// Transport.Start, so that at most one call runs at a time.
func (c *Conn) Flush() {
	for {
		items, ok := c.next()
		if !ok {
			return
		}
		if err := writeItems(c.transport, c.form.framing(), items); err != nil {
			c.fail(err)
			return
		}
		c.written(items)
		if items[len(items)-1].isClose {
			c.transport.Finish()
			return
		}
	}
}

// fail cuts a connection that cannot be written to.
func (c *Conn) fail(err error) {
	c.lose()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.die(SlowQueue) // the client has read nothing for too long
	} else {
		c.die(Dead)
	}
	c.Cut()
}

// written subtracts what has been written.
func (c *Conn) written(items []Item) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.queuedBytes -= sizeOf(items)
}

// next returns what Flush writes next: the queue, or if that is empty a part of
// the window. It returns false when nothing is left.
func (c *Conn) next() ([]Item, bool) {
	for {
		items, catchingUp := c.take()
		if len(items) > 0 || !catchingUp {
			return items, len(items) > 0
		}
		part, more := c.owner.ReadOn()
		if !c.advance(part, more) {
			continue // after CloseNow only the close message is left
		}
		c.ChargeReplay(part, more)
		if len(part) > 0 {
			return part, true
		}
	}
}

// replayedTooMuch is the reason for closing a connection in the middle of a
// replay. The page reconnects and resumes from the position it has reached.
const replayedTooMuch = "too much was replayed, try again"

// ChargeReplay charges a part of a replay to the payer. If the payer has nothing
// left and the replay has a further part, it closes the connection.
func (c *Conn) ChargeReplay(part []Item, more bool) { //nolint:revive // more is a fact about the replay, not a mode
	bytes := sizeOf(part)
	if left := bytes == 0 || c.owner.Charge(bytes); !left && more {
		c.closeAfterQueue(Replay, replayedTooMuch)
	}
}

// take removes and returns the queue. If the queue is empty, catchingUp reports
// whether Flush has to read the window; if not, Flush is over.
func (c *Conn) take() (items []Item, catchingUp bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	items, c.queue = c.queue, nil
	if len(items) == 0 {
		catchingUp, c.flushing = c.catchingUp, c.catchingUp
		c.catchingUp = false // advance and CatchUp set it again
	}
	return items, catchingUp
}

// advance records the part of the window that Flush is about to write, and
// whether there is more. If the log has broken since the part was read,
// SetPosition has already moved the page to another epoch. It reports whether the
// part is still written: after Close it is, because what follows it in the log may be queued.
func (c *Conn) advance(part []Item, more bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.ignoring {
		return false
	}
	c.catchingUp = (c.catchingUp || more) && !c.ended
	for i := range part {
		c.queuedBytes += part[i].size()
		if part[i].Epoch == c.epoch {
			c.offset = max(c.offset, part[i].Last)
		}
	}
	return true
}
