package conn

import (
	"slices"
	"sync"
	"time"
)

const (
	writeBuffer  = 16 << 10         // bytes collected before they are written
	writeTimeout = 30 * time.Second // for a write that makes no progress
)

// A Transport is the connection of a session: WebSocket or Server-Sent Events.
type Transport interface {
	framing

	// Start has flush of the link's session called on a goroutine of its own.
	Start(c *Conn)

	// Offer writes as much of a frame as can be written without waiting and
	// returns how much that was.
	Offer(o *Nonblocking, frame []byte) int

	// WriteAll writes everything or fails.
	WriteAll(p []byte) error

	// Limit bounds how long all further writing may take.
	Limit(d time.Duration)

	// Finish is called when the goodbye was written; nothing follows.
	Finish()

	// Cut ends the connection at once, whoever reads or writes.
	Cut()
}

// A framing is how a link puts messages on the wire.
type framing interface {
	// AppendBegin and end enclose an array of so many bytes that ends at a position
	// in the log; 0 is none.
	AppendBegin(b []byte, length int, epoch string, last uint64) []byte
	AppendEnd(b []byte) []byte

	AppendPing(b []byte) []byte
	AppendClose(b []byte, code int, reason string) []byte
}

// An Item waits in a session's queue: messages, which join with their
// neighbours into one frame, or bytes that leave as they are.
type Item struct {
	Body  []byte // messages, comma separated
	Epoch string
	Last  uint64 // position of the last of them, 0 for none
	raw   []byte
	bye   bool // raw is the goodbye
}

func (i *Item) size() int { return len(i.Body) + len(i.raw) }

func sizeOf(items []Item) int {
	size := 0
	for i := range items {
		size += items[i].size()
	}
	return size
}

// writeItems puts items on the wire, neighbouring messages as one frame.
func writeItems(l Transport, items []Item) error {
	w := linkWriters.Get().(*linkWriter) //nolint:forcetypeassert // holds nothing else
	defer w.release()
	w.link, w.err = l, nil
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

// position returns up to where the log is known after the items. Some have none.
func position(items []Item) (epoch string, last uint64) {
	for _, i := range slices.Backward(items) {
		if i.Last > 0 {
			return i.Epoch, i.Last
		}
	}
	return "", 0
}

// A linkWriter collects small pieces, so that a frame of any length needs
// little memory of its own.
type linkWriter struct {
	link Transport
	buf  []byte
	err  error
}

var linkWriters = sync.Pool{New: func() any { return new(linkWriter) }} //nolint:gochecknoglobals // a cache of buffers

func (w *linkWriter) release() {
	w.link, w.buf = nil, w.buf[:0]
	linkWriters.Put(w)
}

func (w *linkWriter) append(p []byte) {
	if len(w.buf)+len(p) > writeBuffer {
		w.flush()
	}
	if len(p) > writeBuffer {
		w.write(p)
		return
	}
	w.buf = append(w.buf, p...)
}

func (w *linkWriter) flush() {
	w.write(w.buf)
	w.buf = w.buf[:0]
}

func (w *linkWriter) write(p []byte) {
	if w.err == nil && len(p) > 0 {
		w.err = w.link.WriteAll(p)
	}
}
