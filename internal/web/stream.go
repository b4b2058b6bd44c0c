package web

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/echo-pull/pull/internal/conn"
)

// serveStream sends the page's messages in the response until the connection
// ends.
func (s *Server) serveStream(c Context, p *page) error {
	defer p.Ended()
	w := Bare(c.Response())
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no")
	stream, err := conn.NewStream(w, c.Request(), &p.Conn)
	if err != nil {
		s.reportTimeouts(c.Request(), w)
	}
	c.Begin(http.StatusOK)
	w.WriteHeader(http.StatusOK)
	s.shortenHeader(c)
	p.Connected()
	defer p.Cut()
	if s.serverStops(c.Request()) {
		p.Close("restart")
	}
	if err := stream.Run(c.Request().Context(), &p.Conn); err != nil {
		_ = s.refuseWriter(w, noFlush) // the response has begun
	}
	return nil
}

// reportTimeouts reports that the server's timeouts end streams, because the
// response writer does not support deadlines. Pages would reconnect again and
// again.
func (s *Server) reportTimeouts(r *http.Request, w http.ResponseWriter) {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if ok && max(server.ReadTimeout, server.WriteTimeout) > 0 && s.reports.Allow("timeouts") {
		s.engine.Report(fmt.Errorf("pull: streams end after the server's ReadTimeout or WriteTimeout: "+
			"a response writer of type %T takes no deadlines, and has no Unwrap", w))
	}
}

// serverStops reports whether the server of a request is shutting down. At the
// first request of a server it registers a function that closes all streams at
// the shutdown, because Shutdown would wait for them.
func (s *Server) serverStops(r *http.Request) bool {
	server := serverOf(r)
	if server == nil {
		return false
	}
	stops, known := s.servers.LoadOrStore(server, new(atomic.Bool))
	flag := stops.(*atomic.Bool) //nolint:forcetypeassert // holds nothing else
	if !known {
		server.RegisterOnShutdown(func() {
			flag.Store(true)
			s.closeStreams()
		})
	}
	return flag.Load()
}

// serverOf returns the server of a request, or nil in tests without one.
func serverOf(r *http.Request) *http.Server {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	return server
}

// closeStreams closes all streams. Their pages reconnect.
func (s *Server) closeStreams() {
	for _, page := range s.engine.Hub().Pages() {
		if page.IsStream() {
			page.Close("restart")
		}
	}
}
