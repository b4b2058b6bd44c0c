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
	ahead = time.Second // how long a cursor of the future is waited for
)

// Connect accepts a page's connection: it upgrades to a WebSocket, or streams
// Server-Sent Events. Any other request is a probe: it is checked like these, and
// gets 426 if it would be accepted, which tells a page that its WebSocket was
// broken by something on the way.
func (s *Server) Connect(c Context) error {
	began, known := s.beginningOf(c)
	user, err := s.visitor(c)
	if err != nil {
		return err
	}
	query := c.Request().URL.Query() // the Context would keep it
	client := strings.Clone(query.Get("client"))
	if client != "" && !envelope.IsClient(client) {
		return refuse(http.StatusBadRequest, "client is 1 to 64 letters, digits, - and _")
	}
	serve, err := s.transport(c)
	if err != nil {
		return err
	}
	if hasSlowBody(c.Request()) {
		return refuse(http.StatusBadRequest, "a handshake has no body")
	}
	if !s.engine.AddPage() {
		return s.refuseRetry(c, http.StatusServiceUnavailable, "shutting down")
	}
	pg := &page{
		Page: hub.Page{User: user, Client: client}, server: s, payer: payerOf(c, user),
		arrival: &arrival{at: cursorOf(c.Request(), query), began: began, doubtful: !known},
	}
	pg.Open(pg)
	if err := s.admit(c, pg); err != nil {
		s.engine.PageDone()
		return err
	}
	return serve(c, pg)
}

// beginningOf returns how many disconnects there were before the request's login
// was checked. That is known of a request that has passed the plugin's middleware,
// which comes before that of the mount; else now may be too late.
func (s *Server) beginningOf(c Context) (disconnects uint64, known bool) {
	if scope := s.scopeOf(c.Request()); scope != nil {
		return scope.Disconnects(), true
	}
	return s.engine.Hub().Disconnects(), false
}

// transport returns how a request is served, or why it cannot be.
func (s *Server) transport(c Context) (func(Context, *page) error, error) {
	r, w := c.Request(), c.Response()
	switch {
	case r.Method != http.MethodGet: // HEAD, of which Echo v5 may make a GET
		return s.answerProbe, nil
	case websocket.IsWebSocketUpgrade(r):
		if !isHandshake(r) {
			return nil, refuse(http.StatusBadRequest, "not a WebSocket handshake")
		}
		if !c.CanHijack() {
			return nil, s.incapable(w, noHijack)
		}
		return s.serveSocket, nil
	case wantsStream(r):
		if len(r.RequestURI)+len(r.Host) > longestLine {
			return nil, refuseLine(w, r)
		}
		if !streams(w) {
			return nil, s.incapable(w, noFlush)
		}
		return s.serveStream, nil
	case !c.CanHijack() && !streams(w):
		return nil, s.incapable(w, noTransport)
	}
	return s.answerProbe, nil
}

// hasSlowBody tells whether middleware that has read the body of a handshake may
// have waited for the client: it would choose how long its login is under way.
func hasSlowBody(r *http.Request) bool {
	return r.ContentLength != 0 && serverOf(r) != nil && (websocket.IsWebSocketUpgrade(r) || wantsStream(r))
}

func wantsStream(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// What a response writer lacks.
const (
	noHijack    = "its connection cannot be taken over, which a WebSocket needs"
	noFlush     = "it cannot be flushed, which a stream needs"
	noTransport = "it can neither be taken over for a WebSocket nor flushed for a stream"
)

// incapable reports and refuses a request whose response writer, which most often
// is some middleware's, lacks what a connection needs. To send 200 and the end of
// the stream would have the page return again and again.
func (s *Server) incapable(w http.ResponseWriter, why string) error {
	if s.reports.Allow("writer " + why) {
		s.engine.Report(fmt.Errorf("pull: no page can connect through a response writer of type %T: %s", Bare(w), why))
	}
	return refuse(http.StatusNotImplemented, "the server's response writer: "+why)
}

// isHandshake tells whether an upgrade will succeed, as far as the client can see
// to that: when it is found out later, the application's hooks have run.
func isHandshake(r *http.Request) bool {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-Websocket-Key"))
	return err == nil && len(key) == 16 && strings.TrimSpace(r.Header.Get("Sec-Websocket-Version")) == "13"
}

// answerProbe gives the place back that a connection would have taken. Over
// HTTP/2 a response with Upgrade is malformed, and proxies pass it on to HTTP/2.
func (s *Server) answerProbe(c Context, pg *page) error {
	s.part(pg)
	if r := c.Request(); r.ProtoMajor == 1 && !isForwarded(r) {
		c.Response().Header().Set("Upgrade", "websocket")
		c.Response().Header().Set("Connection", "Upgrade")
	}
	return refuse(http.StatusUpgradeRequired, "connect by WebSocket or as text/event-stream")
}

func isForwarded(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// cursorOf returns where the page says that it is, or nil. The header comes
// first: a browser's EventSource that reconnects repeats the query of its first
// connection, and says in the header what it has had since.
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

// serveSocket upgrades on a goroutine of the page's own and returns when
// the connection is taken over: the server lets go of its buffers, and
// middleware logs the request now and not when the page is closed.
func (s *Server) serveSocket(c Context, pg *page) error {
	spawned := false
	defer func() {
		if !spawned { // a hook has panicked
			s.part(pg)
		}
	}()
	c.Begin(http.StatusSwitchingProtocols)
	spawned = true
	refused := s.broadcaster.Serve(c.Response(), c.Request(), &pg.Conn, func() { s.part(pg) })
	if refused == 0 {
		return nil
	}
	c.Unbegin()
	if refused == http.StatusInternalServerError {
		return s.incapable(c.Response(), noHijack)
	}
	return refuse(refused, "not a WebSocket handshake")
}

// part gives back what a page has taken.
func (s *Server) part(pg *page) { s.engine.RemovePage(&pg.Page, pg.payer) }

// serverOf returns the server that a request came to, or nil in tests without one.
func serverOf(r *http.Request) *http.Server {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	return server
}

// serverStops tells whether the server of a request is shutting down. It sees
// to it that streams end when the server does: it would wait for them.
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

func (s *Server) closeStreams() {
	for _, page := range s.engine.Hub().Pages() {
		if page.IsStream() {
			page.Close("restart")
		}
	}
}
