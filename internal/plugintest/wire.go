package plugintest

import (
	"bytes"
	"context"
	"net"
	"sync"
	"time"

	"github.com/echo-pull/pull/internal/conn"
)

// A wire is the connection of a page: a stream of Server-Sent Events in memory.
type wire struct {
	conn  *conn.Conn
	owner conn.Owner
	take  func(data []byte) // gets the data of each event, one at a time

	mu      sync.Mutex // guards what follows
	partial []byte     // the beginning of a line
	over    bool
	flushed chan struct{} // closed after the next Flush, or when the connection is over

	gone chan struct{} // closed when the owner knows that the connection is over
}

func newWire(c *conn.Conn, o conn.Owner, take func(data []byte)) *wire {
	return &wire{conn: c, owner: o, take: take, flushed: make(chan struct{}), gone: make(chan struct{})}
}

// Start implements [conn.Transport].
func (w *wire) Start(c *conn.Conn) {
	w.owner.Settings().Spawn(func() {
		c.Flush()
		w.signal()
	})
}

// signal wakes those that wait for the end of a Flush.
func (w *wire) signal() {
	w.mu.Lock()
	defer w.mu.Unlock()

	close(w.flushed)
	w.flushed = make(chan struct{})
}

// Offer implements [conn.Transport]: all is written by Flush.
func (w *wire) Offer(*conn.Nonblocking, []byte) int { return 0 }

// WriteAll implements [conn.Transport].
func (w *wire) WriteAll(p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.over {
		return net.ErrClosed
	}
	w.partial = append(w.partial, p...)
	for {
		line, rest, complete := bytes.Cut(w.partial, []byte("\n"))
		if !complete {
			return nil
		}
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			w.take(data)
		}
		w.partial = bytes.Clone(rest)
	}
}

// Limit implements [conn.Transport].
func (w *wire) Limit(time.Duration) {}

// Finish implements [conn.Transport].
func (w *wire) Finish() { w.end() }

// Cut implements [conn.Transport].
func (w *wire) Cut() { w.end() }

func (w *wire) end() {
	w.mu.Lock()
	defer w.mu.Unlock()

	if !w.over {
		w.over = true
		w.owner.Settings().Spawn(func() {
			w.owner.Ended()
			close(w.gone)
			w.signal()
		})
	}
}

// settle waits until nothing is queued for the page, or its connection is over.
func (w *wire) settle(ctx context.Context) error {
	for {
		w.mu.Lock()
		over, flushed := w.over, w.flushed
		w.mu.Unlock()

		if over {
			select {
			case <-w.gone:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if w.conn.IsIdle() {
			return nil
		}
		select {
		case <-flushed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
