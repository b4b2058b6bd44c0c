package web

import (
	"fmt"
	"net/http"

	"github.com/echo-pull/pull/internal/conn"
)

// serveStream sends the page's messages in the response until the connection
// ends.
func (s *Server) serveStream(c Context, p *page) error {
	defer s.leave(p)
	w := Bare(c.Response())
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no")
	link, err := conn.NewStream(w, c.Request(), &p.Conn)
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
	if err := link.Run(c.Request().Context(), &p.Conn); err != nil {
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
