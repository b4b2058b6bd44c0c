package conn

import "time"

// Close codes of WebSockets.
const (
	closeViolation   = 1008 // RFC 6455 section 7.4.1: the client has violated the protocol
	closeRestart     = 1012 // IANA registry: service restart; the page reconnects
	closeTooSlow     = 4001 // the page reconnects and recovers
	closeNotAllowed  = 4003 // the page does not reconnect
	closeSessionOver = 4401 // the page does not reconnect by itself: the user has to log in
)

// closeWait is how long a connection that is being closed may take to receive
// what is still queued and the close message.
const closeWait = 5 * time.Second

// tooSlow is the reason for closing a connection whose client reads too slowly.
const tooSlow = "too slow"

// Close closes the connection after what is queued, because the plugin or the server
// shuts down: the page reconnects. It does not block. Further calls do nothing.
func (c *Conn) Close() { c.closeAfterQueue(Shutdown, "restart") }

// closeAfterQueue closes the connection after what is queued. Further calls do nothing.
func (c *Conn) closeAfterQueue(cause Cause, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.endFor(cause)
		c.queueClose(reason)
	}
}

// CloseNow closes the connection before what is queued. What the client sends from then
// on is read, but ignored. The reason is for the client: a text of at most 123 bytes
// (RFC 6455 section 5.5). It does not block. Further calls do nothing.
func (c *Conn) CloseNow(cause Cause, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.ignoring = true
	if !c.ended {
		c.endFor(cause)
		c.dropAndClose(reason)
	}
}

// CloseSlow closes the connection, after what is queued, because the page reads
// the window more slowly than the window moves. The page reconnects and is
// notified of a gap.
func (c *Conn) CloseSlow() {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.lost = true
		c.endFor(SlowWindow)
		c.queueClose(tooSlow)
	}
}

// closeSlowNow closes the connection before what is queued, because the page
// reads too slowly. The caller holds mu.
func (c *Conn) closeSlowNow() {
	c.lost = true
	c.endFor(SlowQueue)
	c.dropAndClose(tooSlow)
}

// dropAndClose queues the close message and drops what is queued before it,
// except bytes that come first: they may be the rest of a partly written frame,
// and without it the client would read the close message as a part of that frame.
// The caller holds mu.
func (c *Conn) dropAndClose(reason string) {
	kept := c.queue[:0]
	if len(c.queue) > 0 && c.queue[0].raw != nil {
		kept = append(kept, c.queue[0])
	}
	clear(c.queue[len(kept):])
	c.queue = kept
	c.queueClose(reason)
}

// queueClose queues the close message behind what is queued, bounds the time
// that the transport has for both, and starts Flush. From now on nothing else is
// accepted. The caller holds mu and has checked that ended is false.
func (c *Conn) queueClose(reason string) {
	c.ended, c.catchingUp = true, false
	c.queue = append(c.queue, Item{raw: c.form.framing().AppendClose(nil, c.cause.Code(), reason), isClose: true})
	c.transport.Limit(closeWait)
	c.startFlush()
}

// ignores reports whether CloseNow has been called.
func (c *Conn) ignores() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.ignoring
}

// receive passes a frame of the client to the owner.
func (c *Conn) receive(frame []byte) {
	if !c.ignores() {
		c.owner.Received(frame)
	}
}

// end makes the connection accept nothing more, and reports whether it was
// already being closed.
func (c *Conn) end() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	closing := c.ended
	c.ended, c.catchingUp = true, false
	return closing
}

// die makes the connection accept nothing more, because the client is gone without having
// closed it. It does nothing if the connection is being closed.
func (c *Conn) die(cause Cause) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !c.ended {
		c.endFor(cause)
		c.ended, c.catchingUp = true, false
	}
}

// lose records that the client does not respond.
func (c *Conn) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.lost = true
}

// IsLost reports whether the client did not respond in time, so that it may not
// have received what was written lately.
func (c *Conn) IsLost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.lost
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
