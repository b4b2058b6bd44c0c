// Package conn carries messages to pages. It consists of a queue bounded in
// bytes, frames that many connections share, and two transports: WebSocket and
// Server-Sent Events.
package conn

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/rate"
)

const (
	// Close codes of WebSockets.
	CloseViolation  = 1008 // RFC 6455 section 7.4.1: the client has violated the protocol
	CloseRestart    = 1012 // IANA registry: service restart; the page reconnects
	closeTooSlow    = 4001 // the page reconnects and recovers
	CloseNotAllowed = 4003 // the page does not reconnect

	// closeWait is how long a connection that is being closed may take to receive
	// what is still queued and the close message.
	closeWait = 5 * time.Second
)

// An Owner is the page to which a connection belongs. The connection may hold
// its lock when it calls Settings. It calls the other methods without it, so
// that they may take the hub's lock.
type Owner interface {
	// Settings returns what all connections of a node have in common.
	Settings() *Settings

	// Connected is called when the handshake has succeeded. The owner calls
	// Hold and Welcome, or closes the connection.
	Connected()

	// Received is called for each text frame of the client, one at a time.
	Received(frame []byte)

	// ReadOn returns the next part of the log that the page has not received yet,
	// and whether there is more.
	ReadOn() (items []Item, more bool)

	// Charge charges the bytes of a replay, and reports whether the payer may
	// receive more.
	Charge(bytes int) (more bool)
}

// Settings are what all connections of a node have in common.
type Settings struct {
	QueueBytes int           // largest size of a connection's queue
	Spawn      func(func())  // starts a goroutine
	TooSlow    atomic.Uint64 // number of connections closed because they were too slow
}

// A Conn is one live connection of a page. There are many of them, so it has no
// field that it can do without.
//
// Messages come from the dispatcher, wait in a queue bounded in bytes, and are
// written in as few frames as the transport allows. While the connection
// catches up with the log, it reads the window itself in parts, and the
// dispatcher queues nothing for it.
//
// One lock, mu, guards all state. Every exported method takes it and does not
// block, except Flush. A caller may hold the hub's lock: that one is always taken
// first. Only Flush writes queued bytes, without holding mu, and at most
// one Flush runs at a time: that is what flushing is for. While flushing is
// false, the queue is empty, and the goroutine that holds mu may write to the
// transport with Offer.
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
	requests    rate.Allowance
}

// Deliver sends a sealed frame. If the connection is idle, Deliver writes the
// shared bytes with one system call, without blocking. What the socket does not
// take at once is queued for Flush. w belongs to the caller's goroutine.
func (c *Conn) Deliver(w *Nonblocking, f *Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.ended {
		return
	}
	c.offset = max(c.offset, f.Last)
	if c.flushing {
		c.enqueue(Item{Body: f.Body, Epoch: f.Epoch, Last: f.Last})
		return
	}
	switch n := c.transport.Offer(w, f.raw); n {
	case 0:
		c.enqueue(Item{Body: f.Body, Epoch: f.Epoch, Last: f.Last})
	case len(f.raw):
	default:
		c.enqueueRest(f.raw[n:])
	}
}

// enqueueRest queues the rest of a frame whose beginning is already written.
// Nothing else can be written before it, so it is never refused, but it may
// close the connection as too slow. The caller holds mu.
func (c *Conn) enqueueRest(rest []byte) {
	c.queue = append(c.queue, Item{raw: rest})
	c.queuedBytes += len(rest)
	c.startFlush()
	if c.isFull(len(rest)) {
		c.closeSlowNow()
	}
}

// isFull reports whether the queue is too large after added bytes were added. A
// single item may have any size: otherwise a bound smaller than one message
// would close pages that keep up. The caller holds mu.
func (c *Conn) isFull(added int) bool {
	return c.queuedBytes > c.owner.Settings().QueueBytes && c.queuedBytes > added
}

// closeSlowNow closes the connection before what is queued, because the page
// reads too slowly. The caller holds mu.
func (c *Conn) closeSlowNow() {
	c.dropAndClose(closeTooSlow, "too slow")
	c.owner.Settings().TooSlow.Add(1)
}

// CloseSlow closes the connection, after what is queued, because the page reads
// the window more slowly than the window moves. The page reconnects and is
// notified of a gap.
func (c *Conn) CloseSlow() {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.queueClose(closeTooSlow, "too slow")
		c.owner.Settings().TooSlow.Add(1)
	}
}

// Hold makes all following messages queue until Welcome is called. The owner
// calls it under the hub's lock, in the step in which the page is added to the
// routes. offset is the position of the last message that Welcome will queue;
// more means that Flush has to read the rest of the window after it.
func (c *Conn) Hold(epoch string, told uint64, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.epoch, c.offset, c.catchingUp, c.flushing = epoch, told, more, true
}

// Welcome queues the first messages of a connection before those that have
// arrived since Hold, and starts Flush. The owner calls it once, after Hold. The
// items are not subject to the bound of the queue, so that every page can join;
// their own bound is that of a replay.
func (c *Conn) Welcome(items []Item) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.queue = append(items, c.queue...)
	c.queuedBytes += sizeOf(items)
	c.transport.Start(c)
}

// Push queues items for this page alone.
func (c *Conn) Push(items ...Item) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.ended {
		return
	}
	for _, i := range items {
		c.enqueue(i)
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
	frame := c.transport.AppendPing(nil)
	if c.epoch == epoch {
		c.offset = max(c.offset, offset)
		body := protocol.Tick(epoch, c.offset)
		frame = c.transport.AppendBegin(frame, len(body)+2, epoch, c.offset)
		frame = append(append(append(frame, '['), body...), ']')
		frame = c.transport.AppendEnd(frame)
	}
	if c.flushing {
		c.enqueue(Item{raw: frame})
	} else if n := c.transport.Offer(w, frame); n < len(frame) {
		c.enqueueRest(frame[n:])
	}
}

// enqueue adds an item to the queue and starts Flush. If the queue is full, it
// closes the connection as too slow. The caller holds mu.
func (c *Conn) enqueue(i Item) {
	if c.ended {
		return
	}
	c.queuedBytes += i.size()
	if c.isFull(i.size()) {
		c.closeSlowNow()
		return
	}
	c.queue = append(c.queue, i)
	c.startFlush()
}

// startFlush has the transport call Flush, unless one runs already. The caller
// holds mu.
func (c *Conn) startFlush() {
	if !c.flushing {
		c.flushing = true
		c.transport.Start(c)
	}
}

// dropAndClose queues the close message and drops what is queued before it,
// except the rest of a partly written frame: without it the client would read
// the close message as a part of that frame. The caller holds mu.
func (c *Conn) dropAndClose(code int, reason string) {
	kept := c.queue[:0]
	if len(c.queue) > 0 && c.queue[0].raw != nil {
		kept = append(kept, c.queue[0])
	}
	clear(c.queue[len(kept):])
	c.queue = kept
	c.queueClose(code, reason)
}

// queueClose queues the close message behind what is queued, bounds the time
// that the transport has for both, and starts Flush. From now on nothing else is
// accepted. The caller holds mu and has checked that ended is false.
func (c *Conn) queueClose(code int, reason string) {
	c.ended, c.catchingUp = true, false
	c.queue = append(c.queue, Item{raw: c.transport.AppendClose(nil, code, reason), isClose: true})
	c.transport.Limit(closeWait)
	c.startFlush()
}

// IsIdle reports whether nothing is queued and no Flush runs.
func (c *Conn) IsIdle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return !c.flushing
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

// Close closes the connection after what is queued, with CloseRestart: the page
// reconnects. It does not block. Further calls do nothing.
func (c *Conn) Close(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.queueClose(CloseRestart, reason)
	}
}

// CloseNow closes the connection before what is queued. It does not block.
// Further calls do nothing.
func (c *Conn) CloseNow(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.dropAndClose(code, reason)
	}
}

// end makes the connection accept nothing more, and reports whether it was
// already being closed.
func (c *Conn) end() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	parting := c.ended
	c.ended, c.catchingUp = true, false
	return parting
}

// Cut closes the connection at once, without a close message. It is called when
// the connection is gone or cannot be written to. It also ends a connection
// that is being closed.
func (c *Conn) Cut() {
	c.mu.Lock()
	c.ended, c.catchingUp, c.queue = true, false, nil
	c.mu.Unlock()

	c.transport.Cut()
}

// Allow counts a request of the client and reports whether it may be served.
func (c *Conn) Allow(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.requests.Take(RequestRate, 1, now)
}

// IsStream reports whether the connection is a stream of Server-Sent Events.
func (c *Conn) IsStream() bool {
	_, stream := c.transport.(*Stream)
	return stream
}

// SetOwner sets the owner of a new connection. The owner calls it before
// anything else.
func (c *Conn) SetOwner(owner Owner) { c.owner = owner }

// SetTransport sets the transport of a connection. It is called once, before
// Owner.Connected.
func (c *Conn) SetTransport(l Transport) { c.transport = l }
