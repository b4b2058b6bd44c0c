package web

import "net/http"

// serveSocket does the handshake on the page's own goroutine and returns when the
// connection is taken over. Then the server releases its buffers, and middleware
// logs the request now instead of when the page is closed.
func (s *Server) serveSocket(c Context, p *page) error {
	spawned := false
	defer func() {
		if !spawned { // the ticket is refused, or a hook of Begin has panicked
			p.Ended()
		}
	}()
	if err := s.useTicket(c, p); err != nil {
		return err
	}
	c.Begin(http.StatusSwitchingProtocols)
	spawned = true
	refused := s.broadcaster.Serve(c.Response(), c.Request(), &p.Conn)
	if refused == 0 {
		return nil
	}
	c.Unbegin()
	if refused == http.StatusInternalServerError {
		return s.refuseWriter(c.Response(), noHijack)
	}
	return refuse(refused, "not a WebSocket handshake")
}
