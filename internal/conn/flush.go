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
		if items[len(items)-1].bye {
			c.transport.Finish()
			return
		}
	}
}

// fail ends a session that cannot be written to.
func (c *Conn) fail(err error) {
	if !c.beginEnd() && errors.Is(err, os.ErrDeadlineExceeded) {
		c.owner.Settings().Cut.Add(1) // it has taken nothing for too long
	}
	c.Cut()
}

func (c *Conn) written(items []Item) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.waiting -= sizeOf(items)
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
		c.Pay(page, more)
		if len(page) > 0 {
			return page, true
		}
	}
}

// sated is why a replay ends in the middle: the page comes back for the rest, from
// the position at which it is then.
const sated = "too much was replayed, try again"

// Pay charges a part of a replay. If the payer has nothing left and there is more,
// the connection is closed.
func (c *Conn) Pay(part []Item, more bool) {
	bytes := sizeOf(part)
	if left := bytes == 0 || c.owner.Charge(bytes); !left && more {
		c.Close(sated)
	}
}

// take takes the queue. Where that is empty, it is flush's turn to read the
// window, or flush is over.
func (c *Conn) take() (items []Item, catching bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	items, c.queue = c.queue, nil
	if len(items) == 0 {
		catching, c.busy = c.catching, c.catching
		c.catching = false // unless there is more, or more comes meanwhile
	}
	return items, catching
}

// advance notes what the page is about to get of the window, and whether there is
// more. If the log broke meanwhile, hello has moved the page already.
func (c *Conn) advance(page []Item, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.catching = (c.catching || more) && !c.ended
	for i := range page {
		c.waiting += page[i].size()
		if page[i].Epoch == c.epoch {
			c.told = max(c.told, page[i].Last)
		}
	}
}
