package conn

import (
	"slices"
	"sync"
	"time"
)

const (
	writeBuffer  = 16 << 10         // bytes that are collected before a write
	writeTimeout = 30 * time.Second // largest duration of one write
)

// A Transport is the network connection of a Conn: WebSocket or Server-Sent
// Events.
type Transport interface {
	framing

	// Start makes the transport call c.Flush, on another goroutine than the
	// caller's. c calls it when flushing becomes true, holding c.mu, and in
	// Welcome. It must not block.
	Start(c *Conn)

	// Offer writes as much of a frame as it can without blocking, and returns the
	// number of bytes. c calls it holding c.mu and while no Flush runs. An error
	// counts as 0 bytes: the next WriteAll returns it.
	Offer(w *Nonblocking, frame []byte) int

	// WriteAll writes all bytes or returns an error. It blocks for writeTimeout
	// at most, or for the time that Limit allows. Only Flush calls it, without
	// c.mu.
	WriteAll(p []byte) error

	// Limit bounds the time of all further writes together. c calls it once, when
	// it queues the close message, holding c.mu. It does not block.
	Limit(d time.Duration)

	// Finish is called by Flush when the close message is written. Nothing is
	// written after it.
	Finish()

	// Cut closes the network connection at once, whether or not a goroutine reads
	// or writes. It is called without c.mu and may be called several times.
	Cut()
}

// A framing encodes messages for a transport.
type framing interface {
	// AppendBegin and AppendEnd append what encloses a JSON array of length bytes.
	// epoch and last are the position in the log after the array; last is 0 if
	// there is none.
	AppendBegin(b []byte, length int, epoch string, last uint64) []byte
	AppendEnd(b []byte) []byte

	// AppendPing appends a message that keeps the connection alive.
	AppendPing(b []byte) []byte
	// AppendClose appends the close message.
	AppendClose(b []byte, code int, reason string) []byte
}

// An Item is an element of a connection's queue: messages, which are written in
// one frame with adjacent messages, or bytes that are written unchanged.
type Item struct {
	Body    []byte // messages, separated by commas
	Epoch   string
	Last    uint64 // offset of the last message, 0 for none
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

// writeItems writes items, adjacent messages as one frame.
func writeItems(l Transport, items []Item) error {
	w := transportWriters.Get().(*transportWriter) //nolint:forcetypeassert // holds nothing else
	defer w.release()
	w.transport, w.err = l, nil
	for i := 0; i < len(items); {
		if items[i].raw != nil {
			w.append(items[i].raw)
			i++
			continue
		}
		end, length := i, 1
		for end < len(items) && items[end].raw == nil {
			length += len(items[end].Body) + 1
			end++
		}
		epoch, last := position(items[i:end])
		w.buf = l.AppendBegin(w.buf, length, epoch, last)
		for k := i; k < end; k++ {
			w.buf = append(w.buf, "[,"[min(k-i, 1)])
			w.append(items[k].Body)
		}
		w.buf = l.AppendEnd(append(w.buf, ']'))
		i = end
	}
	w.flush()
	return w.err
}

// position returns the last position in the items, if any has one.
func position(items []Item) (epoch string, last uint64) {
	for _, i := range slices.Backward(items) {
		if i.Last > 0 {
			return i.Epoch, i.Last
		}
	}
	return "", 0
}

// A transportWriter collects small pieces for a transport, so that a frame of
// any size needs little memory of its own.
type transportWriter struct {
	transport Transport
	buf       []byte
	err       error
}

var transportWriters = sync.Pool{New: func() any { return new(transportWriter) }} //nolint:gochecknoglobals // a cache of buffers

func (w *transportWriter) release() {
	w.transport, w.buf = nil, w.buf[:0]
	transportWriters.Put(w)
}

func (w *transportWriter) append(p []byte) {
	if len(w.buf)+len(p) > writeBuffer {
		w.flush()
	}
	if len(p) > writeBuffer {
		w.write(p)
		return
	}
	w.buf = append(w.buf, p...)
}

func (w *transportWriter) flush() {
	w.write(w.buf)
	w.buf = w.buf[:0]
}

func (w *transportWriter) write(p []byte) {
	if w.err == nil && len(p) > 0 {
		w.err = w.transport.WriteAll(p)
	}
}
