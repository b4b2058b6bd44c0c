package web

import (
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/oplog"
	"github.com/echo-pull/pull/internal/rate"
	"github.com/echo-pull/pull/internal/session"
)

// authorize returns the login of a request, or the refusal if the request may not
// connect. It checks the host, the origin and the login.
func (s *Server) authorize(c Context) (session.Login, error) {
	login, err := s.identify(c)
	if err == nil && login.User == "" && !s.config.Guests {
		return session.Login{}, refuse(http.StatusUnauthorized, "guests may not connect")
	}
	return login, err
}

// identify is authorize for what every guest may do.
func (s *Server) identify(c Context) (session.Login, error) {
	if err := s.checkSite(c); err != nil {
		return session.Login{}, err
	}
	login, err := s.loginOf(c)
	switch {
	case err != nil && c.HasStatus(err):
		return session.Login{}, err
	case err != nil:
		s.reportUser(err)
		return session.Login{}, refuse(http.StatusUnauthorized, "unknown user")
	case c.Committed(): // the application's function has redirected to a login and returned nil
		return session.Login{}, refuse(http.StatusUnauthorized, "the request was answered before")
	}
	return login, s.checkEnded(login)
}

// checkEnded returns the refusal if the session of a login was ended a moment ago.
func (s *Server) checkEnded(login session.Login) error {
	if s.engine.Hub().IsEnded(login.ID()) {
		return refuseFor(engine.RefusedSession, http.StatusUnauthorized, "the session was ended")
	}
	return nil
}

// checkSite returns the refusal if a request is for another host, or comes from a page of
// an origin that is not allowed.
func (s *Server) checkSite(c Context) error {
	if host := c.Request().Host; !s.hosts.has(host) {
		s.reportHost(host)
		return refuseFor(engine.RefusedHost, http.StatusForbidden, "host not allowed")
	}
	if origin, allowed := s.sameOrigin(c); !allowed {
		s.reportOrigin(c, origin)
		return refuseFor(engine.RefusedOrigin, http.StatusForbidden, "origin not allowed")
	}
	return nil
}

// sameOrigin reports whether a request comes from a page of this site or of an
// allowed one. If not, it returns the origin. Browsers send an origin with every
// WebSocket and with every cross-origin request whose response could be read. A
// request without one comes from this site, or not from a browser. A probe from a
// page of this site has no origin, but its WebSocket had one: the probe repeats
// that in its query. The repeated origin can only cause a refusal.
func (s *Server) sameOrigin(c Context) (origin string, allowed bool) {
	claimed := claimedOrigins(c.Request())
	if claimed[0] == "" && isForeign(c.Request().Header.Get("Sec-Fetch-Site")) {
		return "", false
	}
	for _, origin := range claimed {
		if origin != "" && !s.isAllowed(c, origin) {
			return origin, false
		}
	}
	return "", true
}

// claimedOrigins returns the origin in the header of a request, and that in the query of a
// probe or a stream; "" for none.
func claimedOrigins(r *http.Request) []string {
	claimed := []string{r.Header.Get("Origin")}
	if r.Method == http.MethodGet && !websocket.IsWebSocketUpgrade(r) {
		claimed = append(claimed, r.URL.Query().Get("origin"))
	}
	return claimed
}

// isForeign reports whether a request without an origin comes from another site,
// or from a sibling: another host below the same domain, which may belong to
// someone else.
func isForeign(fetchSite string) bool { return fetchSite == "cross-site" || fetchSite == "same-site" }

// isAllowed reports whether an origin is that of the application or an allowed
// one.
func (s *Server) isAllowed(c Context, origin string) bool {
	origin, err := canonicalOrigin(origin)
	if err != nil {
		return false
	}
	here, err := canonicalOrigin(ownOrigin(c))
	return err == nil && origin == here || s.origins.has(origin)
}

// ownOrigin returns the origin of the site for which a request is.
func ownOrigin(c Context) string { return schemeOf(c) + "://" + c.Request().Host }

// schemeOf returns http or https. Proxies may forward ws or wss.
func schemeOf(c Context) string {
	scheme := strings.ToLower(c.Scheme())
	if rest, socket := strings.CutPrefix(scheme, "ws"); socket {
		return "http" + rest
	}
	return scheme
}

// reportOrigin logs that an origin was refused. The usual cause is a proxy that
// does not forward the host or the scheme.
func (s *Server) reportOrigin(c Context, origin string) {
	if s.reports.Allow("origin " + origin) {
		oplog.ForeignOrigin.Log(s.engine.Logger(), rate.Clip(origin), rate.Clip(c.Request().Host), rate.Clip(c.Scheme()))
	}
}

// reportUser logs why a user is unknown. The client does not get this error.
func (s *Server) reportUser(err error) {
	if s.reports.Allow("user " + err.Error()) {
		oplog.UnknownUser.Log(s.engine.Logger(), err)
	}
}
