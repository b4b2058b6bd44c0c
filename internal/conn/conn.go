// Package conn carries messages to pages. It consists of a queue bounded in
// bytes, frames that many connections share, and three transports: WebSocket,
// and Server-Sent Events on a connection that is taken over, or in a response of
// the server.
package conn

import (
	"sync"
	"time"

	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/rate"
)

// A Conn is one live connection of a page. There are many of them, so it has no
// field that it can do without.
//
// Messages come from the dispatcher, wait in a queue bounded in bytes, and are
// written in as few frames as the transport allows. While the connection
// catches up with the log, it reads the window itself in parts, and the
// dispatcher queues nothing for it.
//
// One lock, mu, guards all state. Exported methods take it themselves and do not
// block, except Flush. Their callers may hold the hub's lock, which is always
// taken first.
//
// Only Flush writes queued bytes. It does so without holding mu, and at most one
// Flush runs at a time: flushing is true from the start until the queue is empty.
// While flushing is false, the goroutine that holds mu may write to the transport
// with Offer.
type Conn struct {
	owner     Owner
	transport Transport

	mu          sync.Mutex // guards what follows
	epoch       string     // the position in the log that was last sent or queued …
	offset      uint64     // … which never precedes one that the page already has
	queue       []Item
	queuedBytes int  // bytes in queue and in the write of Flush
	flushing    bool // Flush runs or is about to
	catchingUp  bool // Flush has to read more of the window
	ended       bool // the close message is queued, or the connection is gone: nothing is accepted
	ignoring    bool // closed by CloseNow: the client gets the close message alone, and what it sends has no effect
	lost        bool // the client does not respond: what was written lately may not have arrived
	cause       Cause
	form        Form // of the frames; set before Owner.Connected, and not guarded
	requests    rate.Fixed
}

// SetOwner sets the owner of a new connection, and the version of the protocol that
// its client knows. The owner calls it before anything else.
func (c *Conn) SetOwner(owner Owner, v protocol.Version) { c.owner, c.form = owner, formOf(v) }

// Form returns the form of the frames that the connection gets.
func (c *Conn) Form() Form { return c.form }

// SetTransport sets the transport of a connection. It is called once, before
// Owner.Connected.
func (c *Conn) SetTransport(t Transport) { c.transport = t }

// SetStream is SetTransport for a stream of Server-Sent Events.
func (c *Conn) SetStream(t Transport) { c.transport, c.form = t, c.form.asEvents() }

// Hold makes all following messages queue until Welcome is called. The owner
// calls it under the hub's lock, in the step in which the page is added to the
// routes. offset is the position of the last message that Welcome will queue;
// more means that Flush has to read the rest of the window after it.
func (c *Conn) Hold(epoch string, offset uint64, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.epoch, c.offset, c.catchingUp, c.flushing = epoch, offset, more, true
}

// Welcome queues the first messages of a connection before those that have
// arrived since Hold, and starts Flush. The owner calls it once, after Hold. The
// items are not subject to the bound of the queue, so that every page can join;
// their own bound is that of a replay. A connection for which CloseNow was called since
// Hold does not get them.
func (c *Conn) Welcome(items []Item) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ignoring {
		c.queue = append(items, c.queue...)
		c.queuedBytes += sizeOf(items)
	}
	c.transport.Start(c)
}

// Deliver sends a frame that is sealed in the form of the connection. If the
// connection is idle, Deliver writes the shared bytes with one system call, without
// blocking. What the socket does not take at once is queued for Flush. w belongs to
// the caller's goroutine.
func (c *Conn) Deliver(w *Nonblocking, f *Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.ended {
		return
	}
	c.offset = max(c.offset, f.Last)
	own := &f.forms[c.form]
	n := 0
	if !c.flushing {
		n = c.transport.Offer(w, own.raw)
	}
	switch n {
	case len(own.raw):
		return
	case 0:
		c.enqueue(own.item(f))
	default:
		c.enqueueRest(own.raw[n:])
	}
	f.kept.Store(true)
}

// Push queues items for this page alone. An html stream has no place for messages that
// Form.Item has not made, and drops them.
func (c *Conn) Push(items ...Item) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.ended {
		return
	}
	for _, i := range items {
		if i.raw != nil || !c.form.IsHTML() {
			c.enqueue(i)
		}
	}
}

// SetPosition sets the position of the page. The owner calls it, under the hub's
// lock, before it pushes a hello with this position.
func (c *Conn) SetPosition(epoch string, offset uint64) {
	c.mu.Lock()
	c.epoch, c.offset = epoch, offset
	c.mu.Unlock()
}

// SendTick sends the page a ping. If epoch is that of the page's position, it
// also sends a tick with the position, or the later one that the page has
// reached since the caller determined it. An empty epoch sends only a ping. w
// belongs to the caller's goroutine.
func (c *Conn) SendTick(w *Nonblocking, epoch string, offset uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.ended {
		return
	}
	framing := c.form.framing()
	frame := framing.AppendPing(nil)
	if c.epoch == epoch {
		c.offset = max(c.offset, offset)
		frame = framing.AppendTick(frame, epoch, c.offset)
	}
	if c.flushing {
		c.enqueue(Item{raw: frame})
	} else if n := c.transport.Offer(w, frame); n < len(frame) {
		c.enqueueRest(frame[n:])
	}
}

// CatchUp makes Flush read the messages from the window that the page has not
// received yet. The dispatcher calls it when it has stopped delivering to this
// connection.
func (c *Conn) CatchUp() {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.catchingUp = true
		c.startFlush()
	}
}

// IsIdle reports whether nothing is queued and no Flush runs.
func (c *Conn) IsIdle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return !c.flushing
}

// Spare returns how much of a quarter of the queue is not in use. What the page can do
// without is added only as long as there is something left of that.
func (c *Conn) Spare() int {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.owner.Settings().QueueBytes/4 - c.queuedBytes
}

// Allow counts a request of the client and reports whether it may be served.
func (c *Conn) Allow(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.requests.Take(RequestRate, 1, now)
}

// IsResponse reports whether the connection is a response under way, for whose
// end the shutdown of the server waits.
func (c *Conn) IsResponse() bool {
	_, response := c.transport.(*Response)
	return response
}
