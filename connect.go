package pull

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/signal"
)

const (
	clientBytes = 64          // longest client id
	ahead       = time.Second // how long a cursor of the future is waited for
)

// connect accepts a page's connection: it upgrades to a WebSocket, or streams
// Server-Sent Events. Any other request is a probe: it is checked like these, and
// gets 426 if it would be accepted, which tells a page that its WebSocket was
// broken by something on the way.
func (p *Plugin) connect(c echo.Context) error {
	began, known := p.beginningOf(c)
	user, err := p.visitor(c)
	if err != nil {
		return err
	}
	query := c.Request().URL.Query() // the Context would keep it
	client := strings.Clone(query.Get("client"))
	if client != "" && !validClient(client) {
		return refuse(http.StatusBadRequest, "client is 1 to 64 letters, digits, - and _")
	}
	serve, err := p.transport(c)
	if err != nil {
		return err
	}
	if hasSlowBody(c.Request()) {
		return refuse(http.StatusBadRequest, "a handshake has no body")
	}
	if !p.enter() {
		return p.refuseRetry(c, http.StatusServiceUnavailable, "shutting down")
	}
	pg := &page{
		session: session{user: user, client: client}, plugin: p, payer: payerOf(c, user),
		arrival: &arrival{at: cursorOf(c.Request(), query), began: began, doubtful: !known},
	}
	pg.Open(pg)
	if err := p.admit(c, pg); err != nil {
		p.pages.Done()
		return err
	}
	return serve(c, pg)
}

// beginningOf returns how many disconnects there were before the request's login
// was checked. That is known of a request that has passed the plugin's middleware,
// which comes before that of the mount; else now may be too late.
func (p *Plugin) beginningOf(c echo.Context) (disconnects uint64, known bool) {
	if s := scopeOf(c.Request().Context(), p); s != nil && !s.outbox.ended.Load() {
		return s.disconnects, true
	}
	return p.node.disconnects(), false
}

// transport returns how a request is served, or why it cannot be.
func (p *Plugin) transport(c echo.Context) (func(echo.Context, *page) error, error) {
	r, w := c.Request(), c.Response()
	switch {
	case websocket.IsWebSocketUpgrade(r):
		if !isHandshake(r) {
			return nil, refuse(http.StatusBadRequest, "not a WebSocket handshake")
		}
		if !hijacks(w) {
			return nil, p.incapable(w, noHijack)
		}
		return p.serveSocket, nil
	case wantsStream(r):
		if len(r.RequestURI)+len(r.Host) > longestLine {
			return nil, refuseLine(w, r)
		}
		if !streams(w) {
			return nil, p.incapable(w, noFlush)
		}
		return p.serveStream, nil
	case !hijacks(w) && !streams(w):
		return nil, p.incapable(w, noTransport)
	}
	return p.answerProbe, nil
}

// hasSlowBody tells whether middleware that has read the body of a handshake may
// have waited for the client: it would choose how long its login is under way.
func hasSlowBody(r *http.Request) bool {
	return r.ContentLength != 0 && serverOf(r) != nil && (websocket.IsWebSocketUpgrade(r) || wantsStream(r))
}

func wantsStream(r *http.Request) bool {
	return strings.Contains(r.Header.Get(echo.HeaderAccept), "text/event-stream")
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
func (p *Plugin) incapable(w http.ResponseWriter, why string) error {
	if p.reports.Allow("writer " + why) {
		p.config.OnError(fmt.Errorf("pull: no page can connect through a response writer of type %T: %s", bare(w), why))
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
func (p *Plugin) answerProbe(c echo.Context, pg *page) error {
	p.part(pg)
	if r := c.Request(); r.ProtoMajor == 1 && !isForwarded(r) {
		c.Response().Header().Set(echo.HeaderUpgrade, "websocket")
		c.Response().Header().Set(echo.HeaderConnection, "Upgrade")
	}
	return refuse(http.StatusUpgradeRequired, "connect by WebSocket or as text/event-stream")
}

func isForwarded(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "Via", echo.HeaderXForwardedFor, echo.HeaderXForwardedProto, echo.HeaderXRealIP} {
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

func (p *Plugin) isAhead(c envelope.Cursor) bool {
	here := p.node.cursor()
	return c.Epoch == here.Epoch && c.Offset > here.Offset && c.Offset-here.Offset < inboxMessages
}

// part gives back what a page has taken.
func (p *Plugin) part(pg *page) {
	if p.node.leave(&pg.session) {
		signal.Send(p.departed)
	}
	p.node.release(pg.payer)
	p.pages.Done()
}

// serveSocket upgrades on a goroutine of the page's own and returns when
// the connection is taken over: the server lets go of its buffers, and
// middleware logs the request now and not when the page is closed.
func (p *Plugin) serveSocket(c echo.Context, pg *page) error {
	spawned := false
	defer func() {
		if !spawned { // a hook has panicked
			p.part(pg)
		}
	}()
	runHooks(c.Response(), http.StatusSwitchingProtocols)
	spawned = true
	refused := p.broadcaster.Serve(c.Response(), c.Request(), &pg.Conn, func() { p.part(pg) })
	if refused == 0 {
		return nil
	}
	c.Response().Committed = false
	if refused == http.StatusInternalServerError {
		return p.incapable(c.Response(), noHijack)
	}
	return refuse(refused, "not a WebSocket handshake")
}

// serverOf returns the server that a request came to, or nil in tests without one.
func serverOf(r *http.Request) *http.Server {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	return server
}

// serverStops tells whether the server of a request is shutting down. It sees
// to it that streams end when the server does: it would wait for them.
func (p *Plugin) serverStops(r *http.Request) bool {
	server := serverOf(r)
	if server == nil {
		return false
	}
	stops, known := p.servers.LoadOrStore(server, new(atomic.Bool))
	flag := stops.(*atomic.Bool) //nolint:forcetypeassert // holds nothing else
	if !known {
		server.RegisterOnShutdown(func() {
			flag.Store(true)
			p.closeStreams()
		})
	}
	return flag.Load()
}

func (p *Plugin) closeStreams() {
	for _, s := range p.node.sessions() {
		if s.IsStream() {
			s.Close("restart")
		}
	}
}

func validClient(id string) bool {
	if id == "" || len(id) > clientBytes {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !envelope.IsNameByte(c) || c == '.' {
			return false
		}
	}
	return true
}
