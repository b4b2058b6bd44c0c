package web

import (
	"net/http"
	"net/url"

	"github.com/echo-pull/pull/internal/protocol"
)

// HTML serves a stream of HTML, for the clients of htmx and Datastar. It is a connection
// like any other, whose events are encoded in another way.
func (s *Server) HTML(c Context) error { return s.connect(c, dialectOf, s.htmlTransport) }

// dialectOf returns the dialect of a html stream. Datastar names itself in a header.
func dialectOf(c Context, query url.Values) (protocol.Version, error) {
	switch query.Get("format") {
	case "":
		if c.Request().Header.Get("Datastar-Request") == "true" {
			return protocol.Datastar, nil
		}
		return protocol.HTMX, nil
	case "htmx":
		return protocol.HTMX, nil
	case "htmx2":
		return protocol.HTMX2, nil
	case "datastar":
		return protocol.Datastar, nil
	}
	return 0, refuse(http.StatusBadRequest, "format is htmx, htmx2 or datastar")
}

// htmlTransport is transport for a html stream, whatever the client accepts.
func (s *Server) htmlTransport(c Context) (serve, error) {
	switch r := c.Request(); {
	case r.Method != http.MethodGet:
		return s.serveProbe, nil
	case hasBody(r):
		return nil, refuse(http.StatusBadRequest, "a handshake has no body")
	}
	return s.streamTransport(c)
}
