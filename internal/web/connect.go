package web

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
)

const (
	aheadWait = time.Second // how long a page waits whose cursor is ahead of this node
)

// Connect serves a page's connection: a WebSocket or a stream of Server-Sent
// Events. Any other request is a probe: it is checked in the same way, and gets
// 426 if a connection would be accepted. A page whose WebSocket has failed learns
// from a probe that something between it and the server breaks WebSockets.
func (s *Server) Connect(c Context) error {
	began, known := s.disconnectsBefore(c)
	user, err := s.authorize(c)
	if err != nil {
		return err
	}
	query := c.Request().URL.Query() // the Context would keep the parsed query
	client := strings.Clone(query.Get("client"))
	if client != "" && !envelope.IsClientID(client) {
		return refuse(http.StatusBadRequest, "client is 1 to 64 letters, digits, - and _")
	}
	serve, err := s.transport(c)
	if err != nil {
		return err
	}
	if hasSlowBody(c.Request()) {
		return refuse(http.StatusBadRequest, "a handshake has no body")
	}
	if !s.engine.Enter() {
		return s.refuseRetry(c, http.StatusServiceUnavailable, "shutting down")
	}
	p := &page{
		Page: hub.Page{User: user, Client: client}, server: s, payer: payerOf(c, user),
		handshake: &handshake{cursor: cursorOf(c.Request(), query), disconnects: began, doubtful: !known},
	}
	p.SetOwner(p)
	if err := s.admit(c, p); err != nil {
		s.engine.Part()
		return err
	}
	return serve(c, p)
}

// disconnectsBefore returns the number of disconnects before the user of the
// request was determined. It is known if the request has passed the plugin's
// middleware, which runs before middleware of the mounted group. Otherwise it
// may be too high: the group's middleware may have checked the login earlier.
func (s *Server) disconnectsBefore(c Context) (disconnects uint64, known bool) {
	if scope := s.scopeOf(c.Request()); scope != nil {
		return scope.Disconnects(), true
	}
	return s.engine.Hub().Disconnects(), false
}

// transport returns the function that serves a request, or why none can.
func (s *Server) transport(c Context) (func(Context, *page) error, error) {
	r, w := c.Request(), c.Response()
	switch {
	case r.Method != http.MethodGet: // HEAD, which Echo v5 may route to GET
		return s.answerProbe, nil
	case websocket.IsWebSocketUpgrade(r):
		if !isHandshake(r) {
			return nil, refuse(http.StatusBadRequest, "not a WebSocket handshake")
		}
		if !c.CanHijack() {
			return nil, s.refuseWriter(w, noHijack)
		}
		return s.serveSocket, nil
	case wantsStream(r):
		if len(r.RequestURI)+len(r.Host) > maxLine {
			return nil, refuseLongLine(w, r)
		}
		if !streams(w) {
			return nil, s.refuseWriter(w, noFlush)
		}
		return s.serveStream, nil
	case !c.CanHijack() && !streams(w):
		return nil, s.refuseWriter(w, noTransport)
	}
	return s.answerProbe, nil
}

// hasSlowBody reports whether middleware may have read the body of a handshake,
// and so have waited for the client. Then the client could choose the time
// between the check of its login and the handshake.
func hasSlowBody(r *http.Request) bool {
	return r.ContentLength != 0 && serverOf(r) != nil && (websocket.IsWebSocketUpgrade(r) || wantsStream(r))
}

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
		s.engine.Report(fmt.Errorf("pull: no page can connect through a response writer of type %T: %s", Bare(w), why))
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

// answerProbe gives back the place that a connection would have used, and returns
// 426. Over HTTP/2 a response with an Upgrade header is malformed, and proxies
// pass the header on to HTTP/2.
func (s *Server) answerProbe(c Context, p *page) error {
	s.leave(p)
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

// cursorOf returns the cursor that the page has sent, or nil. The header takes
// precedence: an EventSource that reconnects repeats the query of its first
// connection, but sends its current position in the header.
func cursorOf(r *http.Request, query url.Values) *envelope.Cursor {
	s := r.Header.Get("Last-Event-ID")
	if s == "" {
		s = query.Get("cursor")
	}
	if s == "" {
		return nil
	}
	at := envelope.ParseCursor(s)
	return &at
}

// serveSocket does the handshake on the page's own goroutine and returns when the
// connection is taken over. Then the server releases its buffers, and middleware
// logs the request now instead of when the page is closed.
func (s *Server) serveSocket(c Context, p *page) error {
	spawned := false
	defer func() {
		if !spawned { // a hook of Begin has panicked
			s.leave(p)
		}
	}()
	c.Begin(http.StatusSwitchingProtocols)
	spawned = true
	refused := s.broadcaster.Serve(c.Response(), c.Request(), &p.Conn, func() { s.leave(p) })
	if refused == 0 {
		return nil
	}
	c.Unbegin()
	if refused == http.StatusInternalServerError {
		return s.refuseWriter(c.Response(), noHijack)
	}
	return refuse(refused, "not a WebSocket handshake")
}

// leave removes a page and gives back its place.
func (s *Server) leave(p *page) { s.engine.Leave(&p.Page, p.payer) }

// serverOf returns the server of a request, or nil in tests without one.
func serverOf(r *http.Request) *http.Server {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	return server
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

// closeStreams closes all streams. Their pages reconnect.
func (s *Server) closeStreams() {
	for _, page := range s.engine.Hub().Sessions() {
		if page.IsStream() {
			page.Close("restart")
		}
	}
}
