package pull

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
)

const (
	clientBytes = 64          // longest client id
	ahead       = time.Second // how long a cursor of the future is waited for
)

// connect accepts a page's connection: it upgrades to a WebSocket, or streams
// Server-Sent Events. Any other request is checked like these, and if it would be
// accepted gets 426, which tells a page that its WebSocket was broken by something
// on the way.
func (p *Plugin) connect(c echo.Context) error {
	began := p.node.disconnects()
	user, err := p.visitor(c)
	if err != nil {
		return err
	}
	r := c.Request()
	client := c.QueryParam("client")
	if client != "" && !validClient(client) {
		return refuse(http.StatusBadRequest, "client is 1 to 64 letters, digits, - and _")
	}
	if !p.enter() {
		return p.refuseRetry(c, http.StatusServiceUnavailable, "shutting down")
	}
	s := &session{user: user, client: client, node: p.node, began: began, at: p.cursorOf(r)}
	if err := p.admit(c, s); err != nil {
		p.pages.Done()
		return err
	}
	if websocket.IsWebSocketUpgrade(r) {
		return p.serveSocket(c, s)
	}
	defer p.part(s)
	if strings.Contains(r.Header.Get(echo.HeaderAccept), "text/event-stream") {
		return p.serveStream(c, s)
	}
	c.Response().Header().Set(echo.HeaderUpgrade, "websocket")
	return refuse(http.StatusUpgradeRequired, "connect by WebSocket or as text/event-stream")
}

// visitor decides who may connect, and says who it is.
func (p *Plugin) visitor(c echo.Context) (string, error) {
	if !p.sameOrigin(c) {
		return "", refuse(http.StatusForbidden, "origin not allowed")
	}
	user, err := p.userOf(c)
	if err != nil {
		return "", err
	}
	if user == "" && !p.config.Guests {
		return "", refuse(http.StatusUnauthorized, "guests may not connect")
	}
	return user, nil
}

// userOf asks the application who is behind a request.
func (p *Plugin) userOf(c echo.Context) (string, error) {
	user, err := p.config.User(c)
	if err != nil {
		var status *echo.HTTPError
		if errors.As(err, &status) {
			return "", err
		}
		return "", refuse(http.StatusUnauthorized, "unknown user").SetInternal(err)
	}
	if user == "" {
		return "", nil
	}
	if err := checkIDs("user id", []string{user}); err != nil {
		err = fmt.Errorf("%w, from Config.User", err)
		p.config.OnError(err)
		return "", refuse(http.StatusUnauthorized, "malformed user id").SetInternal(err)
	}
	return user, nil
}

// sameOrigin tells whether a request comes from a page of this site or of an
// allowed one. Browsers say where a page is from on every WebSocket and every
// cross-site request; what says nothing is no browser.
func (p *Plugin) sameOrigin(c echo.Context) bool {
	r := c.Request()
	origin := r.Header.Get(echo.HeaderOrigin)
	if origin == "" {
		return r.Header.Get("Sec-Fetch-Site") != "cross-site"
	}
	origin = normalOrigin(origin)
	return p.origins[origin] || origin == normalOrigin(c.Scheme()+"://"+r.Host)
}

// normalOrigin writes an origin as RFC 6454 section 6.2 does: lower case, no
// default port. What is none stays as it is, and equals nothing.
func normalOrigin(origin string) string {
	u, err := url.Parse(strings.ToLower(origin))
	if err != nil || u.Host == "" {
		return origin
	}
	switch u.Scheme {
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	}
	host := u.Host
	if port := u.Port(); u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return u.Scheme + "://" + host
}

// admit reserves a place, or answers why there is none.
func (p *Plugin) admit(c echo.Context, s *session) error {
	err := p.node.admit(s, p.config.MaxSessions, p.config.MaxSessionsPerUser)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errFullForUser):
		return p.refuseRetry(c, http.StatusTooManyRequests, err.Error())
	default:
		return p.refuseRetry(c, http.StatusServiceUnavailable, err.Error())
	}
}

func (p *Plugin) refuseRetry(c echo.Context, status int, reason string) *echo.HTTPError {
	c.Response().Header().Set(echo.HeaderRetryAfter, "5")
	return refuse(status, reason)
}

// cursorOf returns where the page says that it is, or nil. The header comes
// first: a browser's EventSource that reconnects repeats the query of its first
// connection, and says in the header what it has had since.
func (p *Plugin) cursorOf(r *http.Request) *cursor {
	s := r.Header.Get("Last-Event-ID")
	if s == "" {
		s = r.URL.Query().Get("cursor")
	}
	if s == "" {
		return nil
	}
	at := parseCursor(s)
	return &at
}

// refuseJoin tells a page that was let in why it does not become live.
func refuseJoin(s *session, err error) {
	if errors.Is(err, errBanned) {
		s.expel(closeNotAllowed, "disconnected")
		return
	}
	s.expel(closeRestart, "try again")
}

// join makes a session live. A page that comes from another node may know more
// than this one has heard yet: that is waited for.
func (p *Plugin) join(s *session) error {
	if s.at != nil && p.isAhead(*s.at) {
		ctx, cancel := context.WithTimeout(context.Background(), ahead)
		defer cancel()
		if !p.node.awaitPosition(ctx, *s.at) {
			return errCrowd
		}
	}
	return p.node.join(s)
}

func (p *Plugin) isAhead(c cursor) bool {
	here := p.node.cursor()
	return c.epoch == here.epoch && c.offset > here.offset && c.offset-here.offset < inboxMessages
}

// part gives back what a session has taken.
func (p *Plugin) part(s *session) {
	if p.node.leave(s) {
		signal(p.departed)
	}
	p.node.release(s)
	p.pages.Done()
}

// serveSocket upgrades on a goroutine of the session's own and returns when
// the connection is taken over: the server lets go of its buffers, and
// middleware logs the request now and not when the page is closed.
func (p *Plugin) serveSocket(c echo.Context, s *session) error {
	s.start = func() { p.spawn(s.flush) }
	h := newHandover(c.Response(), c.Request(), s)
	done := h.done
	p.spawn(func() {
		defer p.part(s)
		p.broadcaster.carry(h)
	})
	<-done
	if h.wire == nil {
		return refuse(h.status, "not a WebSocket handshake").SetInternal(h.err)
	}
	c.Response().Status, c.Response().Committed = http.StatusSwitchingProtocols, true
	return nil
}

// serverStops tells whether the server of a request is shutting down. It sees
// to it that streams end when the server does: it would wait for them.
func (p *Plugin) serverStops(r *http.Request) bool {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
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
		if _, streams := s.link.(*stream); streams {
			s.close(closeRestart, "restart")
		}
	}
}

func validClient(id string) bool {
	if id == "" || len(id) > clientBytes {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !isNameByte(c) || c == '.' {
			return false
		}
	}
	return true
}
