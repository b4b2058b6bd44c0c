package conn

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/echo-pull/pull/internal/signal"
)

// A Response is a transport over Server-Sent Events for a response whose
// connection cannot be taken over, as over HTTP/2. The goroutine of the request
// writes, through the response writer of the server.
type Response struct {
	writer     http.ResponseWriter
	controller *http.ResponseController
	wake       chan struct{} // signalled when Flush has to run
	done       chan struct{} // closed when the handler may return
	once       sync.Once

	mu      sync.Mutex // guards limited
	limited bool       // the connection is being closed

	multiplexed bool // streams share the network connection, as over HTTP/2
	unflushable bool // the writer has a Flush method that does not work
}

// NewResponse makes a response the transport of c. It returns an error if the
// timeouts of the server stay in force. These are meant for requests that end;
// a stream has a timeout for each write instead.
func NewResponse(w http.ResponseWriter, r *http.Request, c *Conn) (*Response, error) {
	s := &Response{
		writer: w, controller: http.NewResponseController(w),
		wake: make(chan struct{}, 1), done: make(chan struct{}), multiplexed: r.ProtoMajor > 1,
	}
	c.SetStream(s)
	return s, errors.Join(s.controller.SetReadDeadline(time.Time{}), s.controller.SetWriteDeadline(time.Time{}))
}

// Run calls c.Flush whenever Start has been called, until the connection is
// closed or ctx ends. It returns an error if the response cannot be flushed.
func (r *Response) Run(ctx context.Context, c *Conn) error {
	for {
		select {
		case <-r.wake:
			c.Flush()
			if r.unflushable {
				return http.ErrNotSupported
			}
		case <-r.done:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// Start wakes Run.
func (r *Response) Start(*Conn) { signal.Send(r.wake) }

// Offer writes nothing: only the goroutine of the request writes.
func (r *Response) Offer(*Nonblocking, []byte) int { return 0 }

// WriteAll writes and flushes.
func (r *Response) WriteAll(p []byte) error {
	r.boundWrite(time.Now().Add(writeTimeout))
	if r.multiplexed { // over HTTP/2 a deadline ends the stream even if nothing is being written
		defer r.boundWrite(time.Time{})
	}
	if _, err := r.writer.Write(p); err != nil {
		return err
	}
	err := r.controller.Flush()
	r.unflushable = errors.Is(err, http.ErrNotSupported)
	return err
}

// boundWrite sets the deadline of the next write, unless Limit has set one for
// all. Only response writers of tests have no deadlines.
func (r *Response) boundWrite(deadline time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()

	if !r.limited {
		_ = r.controller.SetWriteDeadline(deadline)
	}
}

// Limit sets one deadline for all further writes.
func (r *Response) Limit(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.limited = true
	_ = r.controller.SetWriteDeadline(time.Now().Add(d))
}

// Finish lets Run return. The response must not be used after that.
func (r *Response) Finish() { r.once.Do(func() { close(r.done) }) }

// Cut unblocks a write and lets Run return. It does nothing after Finish.
func (r *Response) Cut() {
	r.once.Do(func() {
		close(r.done)
		_ = r.controller.SetWriteDeadline(time.Now())
	})
}
