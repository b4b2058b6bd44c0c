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

// writeItems writes items, adjacent messages as one frame.
func writeItems(t Transport, f framing, items []Item) error {
	w := transportWriters.Get().(*transportWriter) //nolint:forcetypeassert // holds nothing else
	defer w.release()
	w.transport, w.err = t, nil
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
		w.buf = f.AppendBegin(w.buf, length, epoch, last)
		for k := i; k < end; k++ {
			w.buf = append(w.buf, "[,"[min(k-i, 1)])
			w.append(items[k].Body)
		}
		w.buf = f.AppendEnd(append(w.buf, ']'))
		i = end
	}
	w.flush()
	return w.err
}

// position returns the last position in the items, if any has one.
func position(items []Item) (epoch string, last uint64) {
	for _, i := range slices.Backward(items) {
		if i.Epoch != "" {
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
