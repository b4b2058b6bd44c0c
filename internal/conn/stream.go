package conn

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/signal"
)

// A Stream is a transport over Server-Sent Events, for networks that break
// WebSockets: https://html.spec.whatwg.org/multipage/server-sent-events.html.
// It differs from a Socket in its framing, and in that the goroutine of the
// request writes.
type Stream struct {
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

// NewStream makes a response the transport of c. It returns an error if the
// timeouts of the server stay in force. These are meant for requests that end;
// a stream has a timeout for each write instead.
func NewStream(w http.ResponseWriter, r *http.Request, c *Conn) (*Stream, error) {
	l := &Stream{
		writer: w, controller: http.NewResponseController(w),
		wake: make(chan struct{}, 1), done: make(chan struct{}), multiplexed: r.ProtoMajor > 1,
	}
	c.SetTransport(l)
	return l, errors.Join(l.controller.SetReadDeadline(time.Time{}), l.controller.SetWriteDeadline(time.Time{}))
}

// Run calls c.Flush whenever Start has been called, until the connection is
// closed or ctx ends. It returns an error if the response cannot be flushed.
func (s *Stream) Run(ctx context.Context, c *Conn) error {
	for {
		select {
		case <-s.wake:
			c.Flush()
			if s.unflushable {
				return http.ErrNotSupported
			}
		case <-s.done:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// Start wakes Run.
func (s *Stream) Start(*Conn) { signal.Send(s.wake) }

// Offer writes nothing: only the goroutine of the request writes.
func (s *Stream) Offer(*Nonblocking, []byte) int { return 0 }

// WriteAll writes and flushes.
func (s *Stream) WriteAll(p []byte) error {
	s.boundWrite(time.Now().Add(writeTimeout))
	if s.multiplexed { // over HTTP/2 a deadline ends the stream even if nothing is being written
		defer s.boundWrite(time.Time{})
	}
	if _, err := s.writer.Write(p); err != nil {
		return err
	}
	err := s.controller.Flush()
	s.unflushable = errors.Is(err, http.ErrNotSupported)
	return err
}

// boundWrite sets the deadline of the next write, unless Limit has set one for
// all. Only response writers of tests have no deadlines.
func (s *Stream) boundWrite(deadline time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.limited {
		_ = s.controller.SetWriteDeadline(deadline)
	}
}

// Limit sets one deadline for all further writes.
func (s *Stream) Limit(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.limited = true
	_ = s.controller.SetWriteDeadline(time.Now().Add(d))
}

// Finish lets Run return. The response must not be used after that.
func (s *Stream) Finish() { s.once.Do(func() { close(s.done) }) }

// Cut unblocks a write and lets Run return. It does nothing after Finish.
func (s *Stream) Cut() {
	s.once.Do(func() {
		close(s.done)
		_ = s.controller.SetWriteDeadline(time.Now())
	})
}

// AppendBegin appends the beginning of an event. Its id is the position, if epoch
// is not empty.
func (s *Stream) AppendBegin(b []byte, _ int, epoch string, last uint64) []byte {
	if epoch != "" {
		b = append(b, "id: "...)
		b = append(b, epoch...)
		b = append(b, '.')
		b = strconv.AppendUint(b, last, 10)
		b = append(b, '\n')
	}
	return append(b, "data: "...)
}

// AppendEnd appends the end of an event.
func (s *Stream) AppendEnd(b []byte) []byte { return append(b, "\n\n"...) }

// AppendPing appends a comment, which clients ignore.
func (s *Stream) AppendPing(b []byte) []byte { return append(b, ": ping\n\n"...) }

// AppendClose appends an event with the code and the reason: Server-Sent Events
// have no close codes.
func (s *Stream) AppendClose(b []byte, code int, reason string) []byte {
	b = append(b, "event: close\ndata: "...)
	return append(protocol.AppendClose(b, code, reason), "\n\n"...)
}
