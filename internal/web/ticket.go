package web

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/session"
	"github.com/echo-pull/pull/internal/ticket"
)

// An issuedTicket is the response to a request for a ticket.
type issuedTicket struct {
	Ticket  string `json:"ticket"`
	Expires int    `json:"expires"` // in seconds
}

// Ticket issues a ticket for the login of a request. The page connects with it where it
// cannot send its login, such as in the handshake of a WebSocket.
func (s *Server) Ticket(c Context) error {
	began, certain := s.disconnectsBefore(c)
	login, err := s.authorize(c)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	if !s.limits.allowTicket(payerOf(c, login.User), time.Now()) {
		s.delayRefusal(c.Request())
		return s.refuseRetry(c, http.StatusTooManyRequests, "too many tickets")
	}
	var origin ticket.Origin
	if claimed := c.Request().Header.Get("Origin"); claimed != "" {
		origin = hashOrigin(claimed)
	}
	text, err := s.engine.IssueTicket(login, origin, began, !certain)
	switch {
	case errors.Is(err, engine.ErrNoTickets):
		return refuseFor(engine.RefusedTicket, http.StatusNotImplemented, "the server issues no tickets: it has no secret")
	case err != nil:
		return s.refuseRetryFor(reasonOf(err), c, http.StatusServiceUnavailable, err.Error())
	}
	return c.JSON(http.StatusOK, issuedTicket{text, int(ticket.TTL.Seconds())})
}

// hashOrigin returns what a ticket contains of an origin that has passed sameOrigin.
func hashOrigin(claimed string) ticket.Origin {
	origin, _ := canonicalOrigin(claimed)
	return ticket.OriginOf(origin)
}

// hasTicket reports whether a request presents a ticket, valid or not, in place of the
// application's own login.
func hasTicket(r *http.Request, query url.Values) bool {
	return r.Method == http.MethodGet && query.Has("ticket")
}

// openTicket returns the login in the ticket that a handshake presents, and the ticket,
// which is not used yet. It checks host and origin as authorize does.
func (s *Server) openTicket(c Context, query url.Values) (session.Login, *ticket.Ticket, error) {
	if err := s.checkSite(c); err != nil {
		return session.Login{}, nil, err
	}
	if len(query["ticket"]) > 1 {
		return session.Login{}, nil, refuseFor(engine.RefusedTicket, http.StatusBadRequest, "one ticket at most")
	}
	t, err := s.engine.OpenTicket(query.Get("ticket"))
	if err != nil {
		return session.Login{}, nil, refuseFor(engine.RefusedTicket, http.StatusUnauthorized, err.Error())
	}
	if !s.isFrom(c, t.Origin) {
		return session.Login{}, nil, refuseFor(engine.RefusedTicket, http.StatusUnauthorized, "the ticket was issued to a page of another origin")
	}
	now := time.Now()
	login := t.Login(now)
	switch {
	case login.Lease.IsOver(now):
		return session.Login{}, nil, refuseFor(engine.RefusedSession, http.StatusUnauthorized, "session over")
	case login.User == "" && !s.config.Guests:
		return session.Login{}, nil, refuse(http.StatusUnauthorized, "guests may not connect")
	}
	return login, t, nil
}

// isFrom reports whether a request comes from a page of the origin of a ticket. A
// ticket without an origin, which no browser was issued, is one of this site's. A request
// without an origin comes from this site, as sameOrigin has made sure, or not from a
// browser.
func (s *Server) isFrom(c Context, issued ticket.Origin) bool {
	if issued == (ticket.Origin{}) {
		issued = hashOrigin(ownOrigin(c))
	}
	for _, claimed := range claimedOrigins(c.Request()) {
		if claimed != "" && hashOrigin(claimed) != issued {
			return false
		}
	}
	return true
}

// useTicket uses the ticket with which a page connects, if it has one. Only the first
// use on any node succeeds.
func (s *Server) useTicket(c Context, p *page) error {
	if p.handshake.ticket == nil {
		return nil
	}
	switch err := s.engine.UseTicket(c.Request().Context(), p.handshake.ticket); {
	case errors.Is(err, engine.ErrLogSilent):
		return s.refuseRetryFor(engine.RefusedLog, c, http.StatusServiceUnavailable, "the log cannot be reached, try again")
	case err != nil:
		return refuseFor(engine.RefusedTicket, http.StatusUnauthorized, err.Error())
	}
	p.handshake.ticket = nil
	return nil
}
