package pull

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/signal"
)

// A stream is a session's link over Server-Sent Events, for networks that break
// WebSockets: https://html.spec.whatwg.org/multipage/server-sent-events.html.
// The queue, the routing and the recovery are the session's; only the framing
// differs, and that the request's own goroutine does the writing.
type stream struct {
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

// serveStream carries the session over the response for as long as it lives.
func (p *Plugin) serveStream(c echo.Context, pg *page) error {
	defer p.part(pg)
	w := bare(c.Response())
	header := w.Header()
	header.Set(echo.HeaderContentType, "text/event-stream")
	header.Set(echo.HeaderCacheControl, "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no")
	link := &stream{
		writer: w, ctl: http.NewResponseController(w),
		wake: make(chan struct{}, 1), gone: make(chan struct{}), several: c.Request().ProtoMajor > 1,
	}
	// A server's timeouts are for requests that end. From now on there is one for
	// each write.
	if err := errors.Join(link.ctl.SetReadDeadline(time.Time{}), link.ctl.SetWriteDeadline(time.Time{})); err != nil {
		p.reportTimeouts(c.Request(), w)
	}
	pg.link = link
	runHooks(c.Response(), http.StatusOK)
	w.WriteHeader(http.StatusOK)
	p.unburden(c)
	pg.connected()
	defer pg.abandon()
	if p.serverStops(c.Request()) {
		pg.close("restart")
	}
	for {
		select {
		case <-link.wake:
			pg.flush()
			if link.stuck {
				_ = p.incapable(w, noFlush) // the response has begun
				return nil
			}
		case <-link.gone:
			return nil
		case <-c.Request().Context().Done():
			return nil
		}
	}
}

// reportTimeouts reports that streams end with a timeout of the server, where it
// has one, because the response writer takes no other. Pages would return again
// and again.
func (p *Plugin) reportTimeouts(r *http.Request, w http.ResponseWriter) {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if ok && max(server.ReadTimeout, server.WriteTimeout) > 0 && p.reports.allow("timeouts") {
		p.config.OnError(fmt.Errorf("pull: streams end after the server's ReadTimeout or WriteTimeout: "+
			"a response writer of type %T takes no deadlines, and has no Unwrap", w))
	}
}

func (l *stream) start(*conn) { signal.Send(l.wake) }

// offer leaves all writing to the request's goroutine.
func (l *stream) offer(*offering, []byte) int { return 0 }

func (l *stream) write(p []byte) error {
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
func (l *stream) allow(deadline time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if !l.limited {
		_ = l.ctl.SetWriteDeadline(deadline)
	}
}

func (l *stream) limit(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.limited = true
	_ = l.ctl.SetWriteDeadline(time.Now().Add(d))
}

// finish lets the handler return, after which the response is the server's.
func (l *stream) finish() { l.once.Do(func() { close(l.gone) }) }

// cut wakes the handler wherever it is; once it has returned it does nothing.
func (l *stream) cut() {
	l.once.Do(func() {
		close(l.gone)
		_ = l.ctl.SetWriteDeadline(time.Now())
	})
}

func (l *stream) begin(b []byte, _ int, epoch string, last uint64) []byte {
	if last > 0 {
		b = append(b, "id: "...)
		b = append(b, epoch...)
		b = append(b, '.')
		b = strconv.AppendUint(b, last, 10)
		b = append(b, '\n')
	}
	return append(b, "data: "...)
}

func (l *stream) end(b []byte) []byte  { return append(b, "\n\n"...) }
func (l *stream) ping(b []byte) []byte { return append(b, ": ping\n\n"...) }

// bye stands in for the close code that the transport lacks.
func (l *stream) bye(b []byte, code int, reason string) []byte {
	b = append(b, "event: close\ndata: "...)
	return append(protocol.AppendClose(b, code, reason), "\n\n"...)
}
