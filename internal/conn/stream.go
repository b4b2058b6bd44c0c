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

// A Stream is a session's link over Server-Sent Events, for networks that break
// WebSockets: https://html.spec.whatwg.org/multipage/server-sent-events.html.
// The queue, the routing and the recovery are the session's; only the framing
// differs, and that the request's own goroutine does the writing.
type Stream struct {
	writer http.ResponseWriter
	ctl    *http.ResponseController
	wake   chan struct{}
	gone   chan struct{}
	once   sync.Once

	mu      sync.Mutex // guards limited
	limited bool       // the session is being closed

	several bool // streams share the connection, as they do over HTTP/2
	stuck   bool // the writer cannot be flushed, though it has seemed so
}

// NewStream makes a response the transport of a connection. The error says that
// the server's timeouts go on: they are for requests that end, while a stream
// has one for each write.
func NewStream(w http.ResponseWriter, r *http.Request, c *Conn) (*Stream, error) {
	l := &Stream{
		writer: w, ctl: http.NewResponseController(w),
		wake: make(chan struct{}, 1), gone: make(chan struct{}), several: r.ProtoMajor > 1,
	}
	c.Carry(l)
	return l, errors.Join(l.ctl.SetReadDeadline(time.Time{}), l.ctl.SetWriteDeadline(time.Time{}))
}

// Run writes what waits for the connection until that or ctx ends. Its error
// says that the response cannot be flushed.
func (l *Stream) Run(ctx context.Context, c *Conn) error {
	for {
		select {
		case <-l.wake:
			c.Flush()
			if l.stuck {
				return http.ErrNotSupported
			}
		case <-l.gone:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

func (l *Stream) Start(*Conn) { signal.Send(l.wake) }

// Offer leaves all writing to the request's goroutine.
func (l *Stream) Offer(*Nonblocking, []byte) int { return 0 }

func (l *Stream) WriteAll(p []byte) error {
	l.allow(time.Now().Add(writeTimeout))
	if l.several { // there a deadline ends the stream, though nothing is written
		defer l.allow(time.Time{})
	}
	if _, err := l.writer.Write(p); err != nil {
		return err
	}
	err := l.ctl.Flush()
	l.stuck = errors.Is(err, http.ErrNotSupported)
	return err
}

// allow bounds the next write, unless the session is being closed: then what
// limit has set is for all of them. Only the writers of tests know no deadlines.
func (l *Stream) allow(deadline time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if !l.limited {
		_ = l.ctl.SetWriteDeadline(deadline)
	}
}

func (l *Stream) Limit(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.limited = true
	_ = l.ctl.SetWriteDeadline(time.Now().Add(d))
}

// Finish lets the handler return, after which the response is the server's.
func (l *Stream) Finish() { l.once.Do(func() { close(l.gone) }) }

// Cut wakes the handler wherever it is; once it has returned it does nothing.
func (l *Stream) Cut() {
	l.once.Do(func() {
		close(l.gone)
		_ = l.ctl.SetWriteDeadline(time.Now())
	})
}

func (l *Stream) AppendBegin(b []byte, _ int, epoch string, last uint64) []byte {
	if last > 0 {
		b = append(b, "id: "...)
		b = append(b, epoch...)
		b = append(b, '.')
		b = strconv.AppendUint(b, last, 10)
		b = append(b, '\n')
	}
	return append(b, "data: "...)
}

func (l *Stream) AppendEnd(b []byte) []byte  { return append(b, "\n\n"...) }
func (l *Stream) AppendPing(b []byte) []byte { return append(b, ": ping\n\n"...) }

// AppendClose stands in for the close code that the transport lacks.
func (l *Stream) AppendClose(b []byte, code int, reason string) []byte {
	b = append(b, "event: close\ndata: "...)
	return append(protocol.AppendClose(b, code, reason), "\n\n"...)
}
