package web

import (
	"net/http"
	"time"
)

// bodyWait is how long a client may take to send a request to the plugin.
const bodyWait = 10 * time.Second

// BoundPost bounds the reading of a request to the plugin before middleware of
// the mount may read it.
func (s *Server) BoundPost(c Context) { boundReading(c) }

// bounded bounds the reading of a body that the handler does not read: the server
// does, before it sends the response.
func bounded(handler func(Context) error) func(Context) error {
	return func(c Context) error {
		if c.Request().ContentLength != 0 {
			boundReading(c)
		}
		return handler(c)
	}
}

// boundReading bounds how long reading the request's body may take, unless the
// server allows no more. It returns what ends that.
func boundReading(c Context) (unbound func()) {
	if server := serverOf(c.Request()); server != nil && server.ReadTimeout > 0 && server.ReadTimeout <= bodyWait {
		return func() {}
	}
	ctl := http.NewResponseController(Bare(c.Response()))
	_ = ctl.SetReadDeadline(time.Now().Add(bodyWait)) // only the writers of tests have none
	return func() { _ = ctl.SetReadDeadline(time.Time{}) }
}
