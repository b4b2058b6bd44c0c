package web

import (
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull/internal/rate"
)

// authorize returns the user of a request, "" for a guest, or the refusal if the
// request may not connect. It checks the host, the origin and the user.
func (s *Server) authorize(c Context) (string, error) {
	user, err := s.identify(c)
	if err == nil && user == "" && !s.config.Guests {
		return "", refuse(http.StatusUnauthorized, "guests may not connect")
	}
	return user, err
}

// identify is authorize for what every guest may do.
func (s *Server) identify(c Context) (string, error) {
	if host := c.Request().Host; !s.hosts.has(host) {
		s.reportHost(host)
		return "", refuse(http.StatusForbidden, "host not allowed")
	}
	if origin, allowed := s.sameOrigin(c); !allowed {
		s.reportOrigin(c, origin)
		return "", refuse(http.StatusForbidden, "origin not allowed")
	}
	user, err := s.userOf(c)
	switch {
	case err != nil && c.HasStatus(err):
		return "", err
	case err != nil:
		s.reportUser(err)
		return "", refuse(http.StatusUnauthorized, "unknown user")
	case c.Committed(): // Config.User has redirected to a login and returned nil
		return "", refuse(http.StatusUnauthorized, "the request was answered before")
	}
	return user, nil
}

// sameOrigin reports whether a request comes from a page of this site or of an
// allowed one. If not, it returns the origin. Browsers send an origin with every
// WebSocket and with every cross-origin request whose response could be read. A
// request without one comes from this site, or not from a browser. A probe from a
// page of this site has no origin, but its WebSocket had one: the probe repeats
// that in its query. The repeated origin can only cause a refusal.
func (s *Server) sameOrigin(c Context) (origin string, allowed bool) {
	r := c.Request()
	claimed := []string{r.Header.Get("Origin")}
	if claimed[0] == "" && isForeign(r.Header.Get("Sec-Fetch-Site")) {
		return "", false
	}
	if r.Method == http.MethodGet && !websocket.IsWebSocketUpgrade(r) {
		claimed = append(claimed, r.URL.Query().Get("origin"))
	}
	for _, origin := range claimed {
		if origin != "" && !s.isAllowed(c, origin) {
			return origin, false
		}
	}
	return "", true
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
	here, err := canonicalOrigin(schemeOf(c) + "://" + c.Request().Host)
	return err == nil && origin == here || s.origins.has(origin)
}

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
		s.engine.Logger().Warn("pull: origin not allowed",
			"origin", rate.Clip(origin), "host", rate.Clip(c.Request().Host), "scheme", rate.Clip(c.Scheme()))
	}
}

// reportUser logs why a user is unknown. The client does not get this error.
func (s *Server) reportUser(err error) {
	if s.reports.Allow("user " + err.Error()) {
		s.engine.Logger().Warn("pull: unknown user", "error", err)
	}
}
