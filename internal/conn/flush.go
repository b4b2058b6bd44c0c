package conn

import (
	"errors"
	"os"
)

// Flush writes what waits until nothing does. One call at most runs at a time.
func (c *Conn) Flush() {
	for {
		items, ok := c.next()
		if !ok {
			return
		}
		if err := writeItems(c.transport, items); err != nil {
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

// fail ends a session that cannot be written to.
func (c *Conn) fail(err error) {
	if !c.end() && errors.Is(err, os.ErrDeadlineExceeded) {
		c.owner.Settings().TooSlow.Add(1) // it has taken nothing for too long
	}
	c.Cut()
}

func (c *Conn) written(items []Item) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.queuedBytes -= sizeOf(items)
}

// next takes what flush has to write: the queue, else a page of the window.
func (c *Conn) next() ([]Item, bool) {
	for {
		items, catching := c.take()
		if len(items) > 0 || !catching {
			return items, len(items) > 0
		}
		page, more := c.owner.ReadOn()
		c.advance(page, more)
		c.ChargeReplay(page, more)
		if len(page) > 0 {
			return page, true
		}
	}
}

// replayedTooMuch is why a replay ends in the middle: the page comes back for the rest, from
// the position at which it is then.
const replayedTooMuch = "too much was replayed, try again"

// ChargeReplay charges a part of a replay. If the payer has nothing left and there is more,
// the connection is closed.
func (c *Conn) ChargeReplay(part []Item, more bool) {
	bytes := sizeOf(part)
	if left := bytes == 0 || c.owner.Charge(bytes); !left && more {
		c.Close(replayedTooMuch)
	}
}

// take takes the queue. Where that is empty, it is flush's turn to read the
// window, or flush is over.
func (c *Conn) take() (items []Item, catching bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	items, c.queue = c.queue, nil
	if len(items) == 0 {
		catching, c.flushing = c.catchingUp, c.catchingUp
		c.catchingUp = false // unless there is more, or more comes meanwhile
	}
	return items, catching
}

// advance notes what the page is about to get of the window, and whether there is
// more. If the log broke meanwhile, hello has moved the page already.
func (c *Conn) advance(page []Item, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.catchingUp = (c.catchingUp || more) && !c.ended
	for i := range page {
		c.queuedBytes += page[i].size()
		if page[i].Epoch == c.epoch {
			c.offset = max(c.offset, page[i].Last)
		}
	}
}
