package web

import (
	"net/http"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/session"
)

// Of returns the server of an engine.
func Of(e *engine.Engine) *Server { return e.Server().(*Server) } //nolint:forcetypeassert // Open has set it

// A Visit is a page of a test, which connects without a request. Everything but
// the checks of a request is as for any other page.
type Visit struct {
	User   string         // "" for a guest
	Lease  *session.Lease // of the login; nil if it has none
	Client string
	Cursor string // "" for none
	Grants []string
}

// Attach connects a page by a stream of Server-Sent Events, which open returns. An
// error is why a browser would be refused.
func (s *Server) Attach(v Visit, open func(*conn.Conn, conn.Owner) conn.Transport) error {
	if v.User == "" && !s.config.Guests {
		return refuse(http.StatusUnauthorized, "guests may not connect")
	}
	if v.User != "" {
		if err := envelope.CheckIDs("user id", []string{v.User}); err != nil {
			return err
		}
	}
	if v.Lease.IsOver(time.Now()) {
		return refuse(http.StatusUnauthorized, "session over")
	}
	if err := checkSize(v.Grants); err != nil {
		return err
	}
	if !s.engine.AddPage() {
		return refuse(http.StatusServiceUnavailable, "shutting down")
	}
	p := &page{
		Page: hub.Page{User: v.User, Client: v.Client}, server: s,
		handshake: &handshake{disconnects: s.engine.Hub().Disconnects(), grants: v.Grants, lease: v.Lease},
	}
	if v.User == "" {
		payer := guestPrefix + "test"
		p.guest = &payer
	}
	if v.Cursor != "" {
		at := envelope.ParseCursor(v.Cursor)
		p.handshake.cursor = &at
	}
	p.SetOwner(p, protocol.V2)
	if err := s.reserve(p); err != nil {
		s.engine.PageDone()
		return refuse(statusOf(err), err.Error())
	}
	p.SetStream(open(&p.Conn, p))
	p.Connected()
	return nil
}
