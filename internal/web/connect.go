package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/session"
)

const (
	aheadWait = time.Second // how long a page waits whose cursor is ahead of this node
)

// Connect serves a page's connection: a WebSocket or a stream of Server-Sent
// Events. Any other request is a probe: it is checked in the same way, and gets
// 426 if a connection would be accepted. A page whose WebSocket has failed learns
// from a probe that something between it and the server breaks WebSockets.
func (s *Server) Connect(c Context) error { return s.connect(c, versionOf, s.transport) }

// connect serves a connection in the version that the query determines, over the
// transport that the request can have.
func (s *Server) connect(c Context, version func(Context, url.Values) (protocol.Version, error), transport func(Context) (serve, error)) error {
	query := c.Request().URL.Query() // the Context would keep the parsed query
	h, login, err := s.enter(c, query)
	if err != nil {
		return err
	}
	client := strings.Clone(query.Get("client"))
	if client != "" && !envelope.IsClientID(client) {
		return refuse(http.StatusBadRequest, "client is 1 to 64 letters, digits, - and _")
	}
	v, err := version(c, query)
	if err != nil {
		return err
	}
	h.grants, err = s.grantsOf(query, login, v)
	if err != nil {
		return err
	}
	serve, err := transport(c)
	if err != nil {
		return err
	}
	if hasSlowBody(c.Request()) {
		return refuse(http.StatusBadRequest, "a handshake has no body")
	}
	if !s.engine.AddPage() {
		return s.refuseRetryFor(engine.RefusedShutdown, c, http.StatusServiceUnavailable, "shutting down")
	}
	h.cursor, h.repeats = cursorOf(c.Request(), query), c.Request().Header.Get("Last-Event-ID") != ""
	p := &page{Page: hub.Page{User: login.User, Client: client}, server: s, handshake: h}
	if login.User == "" {
		payer := payerOf(c, login.User)
		p.guest = &payer
	}
	p.SetOwner(p, v)
	if err := s.admit(c, p); err != nil {
		s.engine.PageDone()
		return err
	}
	return serve(c, p)
}

// enter returns the login of a handshake, which is that of the ticket if it presents
// one, and what the page needs until it joins.
func (s *Server) enter(c Context, query url.Values) (*handshake, session.Login, error) {
	start := time.Now()
	began, certain := s.disconnectsBefore(c)
	if !hasTicket(c.Request(), query) {
		login, err := s.authorize(c)
		return &handshake{began: start, disconnects: began, doubtful: !certain, lease: login.Lease}, login, err
	}
	login, t, err := s.openTicket(c, query) // which knows of the disconnects before
	return &handshake{began: start, disconnects: began, ticket: t, lease: login.Lease}, login, err
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

// versionOf returns the version of the protocol for a page, which has sent the newest
// one that it knows. A page that has sent none knows version 1.
func versionOf(_ Context, query url.Values) (protocol.Version, error) {
	switch newest := query.Get("protocol"); {
	case newest == "" || newest == "1":
		return protocol.V1, nil
	case newest[0] == '0' || strings.Trim(newest, "0123456789") != "":
		return 0, refuse(http.StatusBadRequest, "protocol is the number of a version")
	default:
		return protocol.V2, nil
	}
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
