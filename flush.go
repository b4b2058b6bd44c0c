package pull

import (
	"errors"
	"os"
)

// flush writes what waits until nothing does. One call at most runs at a time.
func (c *conn) flush() {
	for {
		items, ok := c.next()
		if !ok {
			return
		}
		if err := writeItems(c.link, items); err != nil {
			c.fail(err)
			return
		}
		c.written(items)
		if items[len(items)-1].bye {
			c.link.finish()
			return
		}
	}
}

// fail ends a session that cannot be written to.
func (c *conn) fail(err error) {
	if !c.parting() && errors.Is(err, os.ErrDeadlineExceeded) {
		c.owner.settings().cut.Add(1) // it has taken nothing for too long
	}
	c.abandon()
}

func (c *conn) written(items []item) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.waiting -= sizeOf(items)
}

// next takes what flush has to write: the queue, else a page of the window.
func (c *conn) next() ([]item, bool) {
	for {
		items, catching := c.take()
		if len(items) > 0 || !catching {
			return items, len(items) > 0
		}
		page, more := c.owner.readOn()
		c.advance(page, more)
		if left := c.charge(sizeOf(page)); !left && more {
			c.close(sated)
		}
		if len(page) > 0 {
			return page, true
		}
	}
}

// sated is why a replay ends in the middle: the page comes back for the rest, from
// the position at which it is then.
const sated = "too much was replayed, try again"

// charge charges a part of a replay, and tells whether the payer has anything left.
func (c *conn) charge(bytes int) bool {
	return bytes == 0 || c.owner.charge(bytes)
}

// take takes the queue. Where that is empty, it is flush's turn to read the
// window, or flush is over.
func (c *conn) take() (items []item, catching bool) {
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
func (c *conn) advance(page []item, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.catching = (c.catching || more) && !c.ended
	for i := range page {
		c.waiting += page[i].size()
		if page[i].epoch == c.epoch {
			c.told = max(c.told, page[i].last)
		}
	}
}
