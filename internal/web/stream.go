package web

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/echo-pull/pull/internal/conn"
)

// serveStream serves a page by Server-Sent Events. Over HTTP/1 it returns when the
// connection is taken over, as serveSocket does.
func (s *Server) serveStream(c Context, p *page) error {
	served := false
	defer func() {
		if !served { // the ticket is refused, or a hook of Begin or a middleware's Hijack has panicked
			p.Ended()
		}
	}()
	if err := s.useTicket(c, p); err != nil {
		return err
	}
	header := Bare(c.Response()).Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no")
	c.Begin(http.StatusOK)
	header.Del("Content-Encoding") // of a wrapper, which is not used
	stream, err := conn.NewStream(c.Response(), c.Request(), &p.Conn)
	served = true
	if err != nil {
		s.serveResponse(c, p)
		return nil
	}
	stream.Begin(c.Request(), header)
	return nil
}

// serveResponse sends the page's messages through the response writer until the
// connection ends.
func (s *Server) serveResponse(c Context, p *page) {
	defer p.Ended()
	w := Bare(c.Response())
	response, err := conn.NewResponse(w, c.Request(), &p.Conn)
	if err != nil {
		s.reportTimeouts(c.Request(), w)
	}
	w.WriteHeader(http.StatusOK)
	s.shortenHeader(c)
	p.Connected()
	defer p.Cut()
	if s.serverStops(c.Request()) {
		p.Close()
	}
	if err := response.Run(c.Request().Context(), &p.Conn); err != nil {
		_ = s.refuseWriter(w, noFlush) // the response has begun
	}
}

// reportTimeouts reports that the server's timeouts end streams, because the
// response writer does not support deadlines. Pages would reconnect again and
// again.
func (s *Server) reportTimeouts(r *http.Request, w http.ResponseWriter) {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if ok && max(server.ReadTimeout, server.WriteTimeout) > 0 && s.reports.Allow("timeouts") {
		s.engine.Misconfigured(fmt.Errorf("pull: streams end after the server's ReadTimeout or WriteTimeout: "+
			"a response writer of type %T takes no deadlines, and has no Unwrap", w))
	}
}

// serverStops reports whether the server of a request is shutting down. At the
// first request of a server it registers a function that closes all responses
// at the shutdown, because Shutdown would wait for them.
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
			s.closeResponses()
		})
	}
	return flag.Load()
}

// serverOf returns the server of a request, or nil in tests without one.
func serverOf(r *http.Request) *http.Server {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	return server
}

// closeResponses closes the streams whose connections are not taken over. Their
// pages reconnect.
func (s *Server) closeResponses() {
	for _, page := range s.engine.Hub().Pages() {
		if page.IsResponse() {
			page.Close()
		}
	}
}
