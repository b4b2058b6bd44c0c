package conn

// An Item is an element of a connection's queue: messages, which are written in
// one frame with adjacent messages, or bytes that are written unchanged.
type Item struct {
	Body    []byte // messages, separated by commas
	Epoch   string // that of the last message; empty if the messages have no position
	Last    uint64 // offset of the last message, or 0 at the start of a log
	raw     []byte // bytes to write unchanged, nil for messages
	isClose bool   // raw is the close message
}

func (i *Item) size() int { return len(i.Body) + len(i.raw) }

func sizeOf(items []Item) int {
	size := 0
	for i := range items {
		size += items[i].size()
	}
	return size
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

// startFlush has the transport call Flush, unless one runs already. The caller
// holds mu.
func (c *Conn) startFlush() {
	if !c.flushing {
		c.flushing = true
		c.transport.Start(c)
	}
}
