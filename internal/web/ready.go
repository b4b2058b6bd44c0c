package web

import (
	"io"
	"net/http"
)

// Ready serves the requests of load balancers: 200, or 503 with the reason why
// this node is not ready.
func (s *Server) Ready(c Context) error {
	status, text := http.StatusOK, "ok"
	if err := s.engine.Ready(); err != nil {
		status, text = http.StatusServiceUnavailable, err.Error()
	}
	w := c.Response()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := io.WriteString(w, text)
	return err
}
