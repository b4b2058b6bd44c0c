package pull

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/rate"
)

const (
	closeViolation  = 1008 // RFC 6455 section 7.4.1: the client broke the protocol
	closeRestart    = 1012 // IANA registry: service restart; come back
	closeTooSlow    = 4001 // come back and recover
	closeNotAllowed = 4003 // stop

	// closeWait is what a session has to take what still waits for it, once
	// it is being closed.
	closeWait = 5 * time.Second

	replayPage = 256 << 10 // bytes of a replay that leave together
)

// An owner is whose connection a conn is.
type owner interface {
	// settings returns what all connections of a node have in common.
	settings() *settings

	// connected is called when the handshake is over. The owner begins the
	// connection, or closes it.
	connected()

	// received is called for each text frame of the client.
	received(frame []byte)

	// readOn returns more of what the page is behind in the log, and whether
	// there is yet more.
	readOn() (items []item, more bool)

	// charge charges a part of a replay, and reports whether the payer has
	// anything left.
	charge(bytes int) (more bool)
}

// The settings of a node's connections.
type settings struct {
	queueBytes int           // that may wait for a connection
	spawn      func(func())  // starts a goroutine
	cut        atomic.Uint64 // connections that were closed because they were too slow
}

// A conn is one live connection of a page. There are many of them, so what it
// can do without it does not hold. Messages for it come from the
// dispatcher, wait in a queue bounded in bytes, and leave in as few frames as
// its connection allows. While it catches up with the log it reads the window
// itself, page by page, and nothing live waits for it.
type conn struct {
	owner owner
	link  link

	mu       sync.Mutex // guards what follows
	epoch    string     // of the log that the page was last told of …
	told     uint64     // … and up to where it was
	queue    []item
	waiting  int  // bytes in queue and in a write under way
	busy     bool // flush runs or is about to
	catching bool // flush has pages of the window to read
	ended    bool // nothing more is accepted
	incoming rate.Allowance
}

// deliver hands over a sealed parcel. An idle session gets the shared frame
// with one system call on the caller's goroutine; whatever the connection does
// not take at once waits for flush.
func (c *conn) deliver(o *offering, p *parcel) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.ended {
		return
	}
	c.told = max(c.told, p.last)
	if c.busy {
		c.enqueue(item{body: p.body, epoch: p.epoch, last: p.last})
		return
	}
	switch n := c.link.offer(o, p.frame); n {
	case 0:
		c.enqueue(item{body: p.body, epoch: p.epoch, last: p.last})
	case len(p.frame):
	default:
		c.enqueueRest(p.frame[n:])
	}
}

// enqueueRest queues the rest of a frame that has partly left. Nothing can be
// said before it is written, so it is never refused; the caller holds mu.
func (c *conn) enqueueRest(rest []byte) {
	c.queue = append(c.queue, item{raw: rest})
	c.waiting += len(rest)
	c.wake()
	if c.isFull(len(rest)) {
		c.overflow()
	}
}

// isFull tells whether too much waits now that so many bytes have been added. What
// waits alone may be of any size, or a bound that is smaller than a message would
// cut pages that keep up; the caller holds mu.
func (c *conn) isFull(added int) bool {
	return c.waiting > c.owner.settings().queueBytes && c.waiting > added
}

func (c *conn) overflow() {
	c.drop(closeTooSlow, "too slow")
	c.owner.settings().cut.Add(1)
}

// fallBehind closes a session that reads the window more slowly than that moves
// on: it comes back, and is told of a gap.
func (c *conn) fallBehind() {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.bye(closeTooSlow, "too slow")
		c.owner.settings().cut.Add(1)
	}
}

// expect has everything wait for begin, whose last message is at an offset and may
// be followed by more of the window.
func (c *conn) expect(epoch string, told uint64, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.epoch, c.told, c.catching, c.busy = epoch, told, more, true
}

// begin queues what a page is welcomed with before what has come meanwhile. It is
// bounded by itself, so that a page can always come in.
func (c *conn) begin(items []item) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.queue = append(items, c.queue...)
	c.waiting += sizeOf(items)
	c.link.start(c)
}

// push queues items of the plugin's own.
func (c *conn) push(items ...item) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.ended {
		return
	}
	for _, i := range items {
		c.enqueue(i)
	}
}

// moveTo notes the position that the page is told of next.
func (c *conn) moveTo(epoch string, offset uint64) {
	c.mu.Lock()
	c.epoch, c.told = epoch, offset
	c.mu.Unlock()
}

// nudge pings the page and, where the log is still the one of that epoch, tells
// it a position, which may have moved on since the caller looked.
func (c *conn) nudge(o *offering, epoch string, offset uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.ended {
		return
	}
	frame := c.link.ping(nil)
	if c.epoch == epoch {
		c.told = max(c.told, offset)
		body := protocol.Tick(epoch, c.told)
		frame = c.link.begin(frame, len(body)+2, epoch, c.told)
		frame = append(append(append(frame, '['), body...), ']')
		frame = c.link.end(frame)
	}
	if c.busy {
		c.enqueue(item{raw: frame})
	} else if n := c.link.offer(o, frame); n < len(frame) {
		c.enqueueRest(frame[n:])
	}
}

// enqueue adds to the queue; the caller holds mu.
func (c *conn) enqueue(i item) {
	if c.ended {
		return
	}
	c.waiting += i.size()
	if c.isFull(i.size()) {
		c.overflow()
		return
	}
	c.queue = append(c.queue, i)
	c.wake()
}

func (c *conn) wake() {
	if !c.busy {
		c.busy = true
		c.link.start(c)
	}
}

// drop closes the session without what waits for it; the caller holds mu. The
// rest of a frame that has partly left must follow, or the goodbye would be
// read as a part of it.
func (c *conn) drop(code int, reason string) {
	kept := c.queue[:0]
	if len(c.queue) > 0 && c.queue[0].raw != nil {
		kept = append(kept, c.queue[0])
	}
	clear(c.queue[len(kept):])
	c.queue = kept
	c.bye(code, reason)
}

func (c *conn) bye(code int, reason string) {
	c.ended, c.catching = true, false
	c.queue = append(c.queue, item{raw: c.link.bye(nil, code, reason), bye: true})
	c.link.limit(closeWait)
	c.wake()
}

// isIdle tells whether nothing waits for the session.
func (c *conn) isIdle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return !c.busy
}

// catchUp has the session read from the window what it is behind.
func (c *conn) catchUp() {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.catching = true
		c.wake()
	}
}

// close ends the session after what waits for it: the page comes back.
func (c *conn) close(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.bye(closeRestart, reason)
	}
}

// expel ends the session before what waits for it.
func (c *conn) expel(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.drop(code, reason)
	}
}

// parting tells whether the session was already being closed; from now on it is.
func (c *conn) parting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	parting := c.ended
	c.ended, c.catching = true, false
	return parting
}

// abandon is called when the connection is gone: there is nobody to write to.
func (c *conn) abandon() {
	c.mu.Lock()
	c.ended, c.catching, c.queue = true, false, nil
	c.mu.Unlock()

	c.link.cut()
}

// allow notes a request of the client, and reports whether it may be served.
func (c *conn) allow(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.incoming.Take(ofRequests, 1, now)
}
