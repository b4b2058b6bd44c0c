package web

import (
	"fmt"
	"net/http"

	"github.com/echo-pull/pull/internal/conn"
)

// serveStream carries the page's messages over the response for as long as that
// lives.
func (s *Server) serveStream(c Context, pg *page) error {
	defer s.part(pg)
	w := Bare(c.Response())
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no")
	link, err := conn.NewStream(w, c.Request(), &pg.Conn)
	if err != nil {
		s.reportTimeouts(c.Request(), w)
	}
	c.Begin(http.StatusOK)
	w.WriteHeader(http.StatusOK)
	s.unburden(c)
	pg.Connected()
	defer pg.Cut()
	if s.serverStops(c.Request()) {
		pg.Close("restart")
	}
	if err := link.Run(c.Request().Context(), &pg.Conn); err != nil {
		_ = s.incapable(w, noFlush) // the response has begun
	}
	return nil
}

// reportTimeouts reports that streams end with a timeout of the server, where it
// has one, because the response writer takes no other. Pages would return again
// and again.
func (s *Server) reportTimeouts(r *http.Request, w http.ResponseWriter) {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if ok && max(server.ReadTimeout, server.WriteTimeout) > 0 && s.reports.Allow("timeouts") {
		s.engine.Report(fmt.Errorf("pull: streams end after the server's ReadTimeout or WriteTimeout: "+
			"a response writer of type %T takes no deadlines, and has no Unwrap", w))
	}
}
