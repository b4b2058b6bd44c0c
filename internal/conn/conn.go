// Package conn carries messages to pages: a queue bounded in bytes, frames that
// many connections share, and two transports, WebSocket and Server-Sent Events.
package conn

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/rate"
)

const (
	CloseViolation  = 1008 // RFC 6455 section 7.4.1: the client broke the protocol
	CloseRestart    = 1012 // IANA registry: service restart; come back
	closeTooSlow    = 4001 // come back and recover
	CloseNotAllowed = 4003 // stop

	// closeWait is what a session has to take what still waits for it, once
	// it is being closed.
	closeWait = 5 * time.Second
)

// An Owner is whose connection a conn is.
type Owner interface {
	// Settings returns what all connections of a node have in common.
	Settings() *Settings

	// Connected is called when the handshake is over. The owner begins the
	// connection, or closes it.
	Connected()

	// Received is called for each text frame of the client.
	Received(frame []byte)

	// ReadOn returns more of what the page is behind in the log, and whether
	// there is yet more.
	ReadOn() (items []Item, more bool)

	// Charge charges a part of a replay, and reports whether the payer has
	// anything left.
	Charge(bytes int) (more bool)
}

// The settings of a node's connections.
type Settings struct {
	QueueBytes int           // that may wait for a connection
	Spawn      func(func())  // starts a goroutine
	Cut        atomic.Uint64 // connections that were closed because they were too slow
}

// A Conn is one live connection of a page. There are many of them, so what it
// can do without it does not hold. Messages for it come from the
// dispatcher, wait in a queue bounded in bytes, and leave in as few frames as
// its connection allows. While it catches up with the log it reads the window
// itself, page by page, and nothing live waits for it.
type Conn struct {
	owner     Owner
	transport Transport

	mu       sync.Mutex // guards what follows
	epoch    string     // of the log that the page was last told of …
	told     uint64     // … and up to where it was
	queue    []Item
	waiting  int  // bytes in queue and in a write under way
	busy     bool // flush runs or is about to
	catching bool // flush has pages of the window to read
	ended    bool // nothing more is accepted
	incoming rate.Allowance
}

// Deliver hands over a sealed frame. An idle connection gets the shared bytes
// with one system call on the caller's goroutine; whatever the connection does
// not take at once waits for flush.
func (c *Conn) Deliver(o *Nonblocking, f *Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.ended {
		return
	}
	c.told = max(c.told, f.Last)
	if c.busy {
		c.enqueue(Item{Body: f.Body, Epoch: f.Epoch, Last: f.Last})
		return
	}
	switch n := c.transport.Offer(o, f.raw); n {
	case 0:
		c.enqueue(Item{Body: f.Body, Epoch: f.Epoch, Last: f.Last})
	case len(f.raw):
	default:
		c.enqueueRest(f.raw[n:])
	}
}

// enqueueRest queues the rest of a frame that has partly left. Nothing can be
// said before it is written, so it is never refused; the caller holds mu.
func (c *Conn) enqueueRest(rest []byte) {
	c.queue = append(c.queue, Item{raw: rest})
	c.waiting += len(rest)
	c.wake()
	if c.isFull(len(rest)) {
		c.closeSlowNow()
	}
}

// isFull tells whether too much waits now that so many bytes have been added. What
// waits alone may be of any size, or a bound that is smaller than a message would
// cut pages that keep up; the caller holds mu.
func (c *Conn) isFull(added int) bool {
	return c.waiting > c.owner.Settings().QueueBytes && c.waiting > added
}

func (c *Conn) closeSlowNow() {
	c.dropAndClose(closeTooSlow, "too slow")
	c.owner.Settings().Cut.Add(1)
}

// CloseSlow closes a session that reads the window more slowly than that moves
// on: it comes back, and is told of a gap.
func (c *Conn) CloseSlow() {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.queueClose(closeTooSlow, "too slow")
		c.owner.Settings().Cut.Add(1)
	}
}

// Hold has everything wait for begin, whose last message is at an offset and may
// be followed by more of the window.
func (c *Conn) Hold(epoch string, told uint64, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.epoch, c.told, c.catching, c.busy = epoch, told, more, true
}

// Welcome queues what a page is welcomed with before what has come meanwhile. It is
// bounded by itself, so that a page can always come in.
func (c *Conn) Welcome(items []Item) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.queue = append(items, c.queue...)
	c.waiting += sizeOf(items)
	c.transport.Start(c)
}

// Push queues items of the plugin's own.
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

// MoveTo notes the position that the page is told of next.
func (c *Conn) MoveTo(epoch string, offset uint64) {
	c.mu.Lock()
	c.epoch, c.told = epoch, offset
	c.mu.Unlock()
}

// Remind pings the page and, where the log is still the one of that epoch, tells
// it a position, which may have moved on since the caller looked.
func (c *Conn) Remind(o *Nonblocking, epoch string, offset uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.ended {
		return
	}
	frame := c.transport.AppendPing(nil)
	if c.epoch == epoch {
		c.told = max(c.told, offset)
		body := protocol.Tick(epoch, c.told)
		frame = c.transport.AppendBegin(frame, len(body)+2, epoch, c.told)
		frame = append(append(append(frame, '['), body...), ']')
		frame = c.transport.AppendEnd(frame)
	}
	if c.busy {
		c.enqueue(Item{raw: frame})
	} else if n := c.transport.Offer(o, frame); n < len(frame) {
		c.enqueueRest(frame[n:])
	}
}

// enqueue adds to the queue; the caller holds mu.
func (c *Conn) enqueue(i Item) {
	if c.ended {
		return
	}
	c.waiting += i.size()
	if c.isFull(i.size()) {
		c.closeSlowNow()
		return
	}
	c.queue = append(c.queue, i)
	c.wake()
}

func (c *Conn) wake() {
	if !c.busy {
		c.busy = true
		c.transport.Start(c)
	}
}

// dropAndClose closes the session without what waits for it; the caller holds mu. The
// rest of a frame that has partly left must follow, or the goodbye would be
// read as a part of it.
func (c *Conn) dropAndClose(code int, reason string) {
	kept := c.queue[:0]
	if len(c.queue) > 0 && c.queue[0].raw != nil {
		kept = append(kept, c.queue[0])
	}
	clear(c.queue[len(kept):])
	c.queue = kept
	c.queueClose(code, reason)
}

func (c *Conn) queueClose(code int, reason string) {
	c.ended, c.catching = true, false
	c.queue = append(c.queue, Item{raw: c.transport.AppendClose(nil, code, reason), bye: true})
	c.transport.Limit(closeWait)
	c.wake()
}

// IsIdle tells whether nothing waits for the session.
func (c *Conn) IsIdle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return !c.busy
}

// CatchUp has the session read from the window what it is behind.
func (c *Conn) CatchUp() {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.catching = true
		c.wake()
	}
}

// Close ends the session after what waits for it: the page comes back.
func (c *Conn) Close(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.queueClose(CloseRestart, reason)
	}
}

// CloseNow ends the session before what waits for it.
func (c *Conn) CloseNow(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.dropAndClose(code, reason)
	}
}

// beginEnd tells whether the session was already being closed; from now on it is.
func (c *Conn) beginEnd() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	parting := c.ended
	c.ended, c.catching = true, false
	return parting
}

// Cut is called when the connection is gone: there is nobody to write to.
func (c *Conn) Cut() {
	c.mu.Lock()
	c.ended, c.catching, c.queue = true, false, nil
	c.mu.Unlock()

	c.transport.Cut()
}

// Allow notes a request of the client, and reports whether it may be served.
func (c *Conn) Allow(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.incoming.Take(RequestRate, 1, now)
}

// IsStream reports whether the connection is a stream of Server-Sent Events.
func (c *Conn) IsStream() bool {
	_, stream := c.transport.(*Stream)
	return stream
}

// Open begins a connection of an owner, which has no transport yet.
func (c *Conn) Open(owner Owner) { c.owner = owner }

// Carry gives the connection its transport.
func (c *Conn) Carry(l Transport) { c.transport = l }
