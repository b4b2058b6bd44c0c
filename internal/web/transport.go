package web

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"
)

// A serve function serves a page that has been admitted.
type serve func(Context, *page) error

// transport returns the function that serves a request, or why none can.
func (s *Server) transport(c Context) (serve, error) {
	r, w := c.Request(), c.Response()
	switch {
	case r.Method != http.MethodGet: // HEAD, which Echo v5 may route to GET
		return s.serveProbe, nil
	case websocket.IsWebSocketUpgrade(r):
		if !isHandshake(r) {
			return nil, refuse(http.StatusBadRequest, "not a WebSocket handshake")
		}
		if !c.CanHijack() {
			return nil, s.refuseWriter(w, noHijack)
		}
		return s.serveSocket, nil
	case wantsStream(r):
		return s.streamTransport(c)
	case !c.CanHijack() && !streams(w):
		return nil, s.refuseWriter(w, noTransport)
	}
	return s.serveProbe, nil
}

// streamTransport is transport for a stream.
func (s *Server) streamTransport(c Context) (serve, error) {
	r, w := c.Request(), c.Response()
	if len(r.RequestURI)+len(r.Host) > maxLine {
		return nil, refuseLongLine(w, r)
	}
	if !streams(w) {
		return nil, s.refuseWriter(w, noFlush)
	}
	return s.serveStream, nil
}

// hasSlowBody reports whether middleware may have read the body of a handshake,
// and so have waited for the client. Then the client could choose the time
// between the check of its login and the handshake.
func hasSlowBody(r *http.Request) bool {
	return hasBody(r) && (websocket.IsWebSocketUpgrade(r) || wantsStream(r))
}

// hasBody reports whether a request that a server has received has a body.
func hasBody(r *http.Request) bool { return r.ContentLength != 0 && serverOf(r) != nil }

// wantsStream reports whether the client accepts Server-Sent Events.
func wantsStream(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// What a response writer can lack.
const (
	noHijack    = "its connection cannot be taken over, which a WebSocket needs"
	noFlush     = "it cannot be flushed, which a stream needs"
	noTransport = "it can neither be taken over for a WebSocket nor flushed for a stream"
)

// refuseWriter reports and refuses a request whose response writer, usually that
// of a middleware, lacks what a connection needs. A status of 200 followed by the
// end of the stream would make the page reconnect again and again.
func (s *Server) refuseWriter(w http.ResponseWriter, why string) error {
	if s.reports.Allow("writer " + why) {
		s.engine.Misconfigured(fmt.Errorf("pull: no page can connect through a response writer of type %T: %s", Bare(w), why))
	}
	return refuse(http.StatusNotImplemented, "the server's response writer: "+why)
}

// isHandshake reports whether an upgrade will succeed as far as the client
// determines that. It is checked early, because the upgrade itself runs after
// the application's hooks.
func isHandshake(r *http.Request) bool {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-Websocket-Key"))
	return err == nil && len(key) == 16 && strings.TrimSpace(r.Header.Get("Sec-Websocket-Version")) == "13"
}

// serveProbe gives back the place that a connection would have used, and returns
// 426. Over HTTP/2 a response with an Upgrade header is malformed, and proxies
// pass the header on to HTTP/2.
func (s *Server) serveProbe(c Context, p *page) error {
	p.Ended()
	if r := c.Request(); r.ProtoMajor == 1 && !isForwarded(r) {
		c.Response().Header().Set("Upgrade", "websocket")
		c.Response().Header().Set("Connection", "Upgrade")
	}
	return refuse(http.StatusUpgradeRequired, "connect by WebSocket or as text/event-stream")
}

// isForwarded reports whether a request has passed a proxy.
func isForwarded(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}
