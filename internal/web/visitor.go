package web

import (
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull/internal/rate"
)

// visitor decides who may connect, and says who it is.
func (s *Server) visitor(c Context) (string, error) {
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
	case c.Committed(): // a redirect to a login, and nil
		return "", refuse(http.StatusUnauthorized, "the request was answered before")
	case user == "" && !s.config.Guests:
		return "", refuse(http.StatusUnauthorized, "guests may not connect")
	}
	return user, nil
}

// sameOrigin tells whether a request comes from a page of this site or of an
// allowed one, and else returns where it comes from. Browsers say that on every
// WebSocket and every cross-origin request that could read what it gets; what
// says nothing is no browser, or comes from this site. A probe
// from a page of this site would say nothing, where its WebSocket did: it repeats
// in its query what the WebSocket has said, which can only make it refused.
func (s *Server) sameOrigin(c Context) (origin string, allowed bool) {
	r := c.Request()
	said := []string{r.Header.Get("Origin")}
	if said[0] == "" && isForeign(r.Header.Get("Sec-Fetch-Site")) {
		return "", false
	}
	if r.Method == http.MethodGet && !websocket.IsWebSocketUpgrade(r) {
		said = append(said, r.URL.Query().Get("origin"))
	}
	for _, origin := range said {
		if origin != "" && !s.isAllowed(c, origin) {
			return origin, false
		}
	}
	return "", true
}

// isForeign tells whether a request without an origin is of another site, or of
// a sibling: another host below the same domain, which need not be the
// application's.
func isForeign(fetchSite string) bool { return fetchSite == "cross-site" || fetchSite == "same-site" }

func (s *Server) isAllowed(c Context, origin string) bool {
	origin, err := canonicalOrigin(origin)
	if err != nil {
		return false
	}
	here, err := canonicalOrigin(schemeOf(c) + "://" + c.Request().Host)
	return err == nil && origin == here || s.origins.has(origin)
}

// schemeOf returns http or https: proxies may name a WebSocket's.
func schemeOf(c Context) string {
	scheme := strings.ToLower(c.Scheme())
	if rest, socket := strings.CutPrefix(scheme, "ws"); socket {
		return "http" + rest
	}
	return scheme
}

// reportOrigin says in the log what a refusal was about. Most often a proxy does
// not pass on the host, or the scheme.
func (s *Server) reportOrigin(c Context, origin string) {
	if s.reports.Allow("origin " + origin) {
		s.engine.Logger().Warn("pull: origin not allowed",
			"origin", rate.Clip(origin), "host", rate.Clip(c.Request().Host), "scheme", rate.Clip(c.Scheme()))
	}
}

// reportUser says in the log why nobody knows the user, which is not for the client.
func (s *Server) reportUser(err error) {
	if s.reports.Allow("user " + err.Error()) {
		s.engine.Logger().Warn("pull: unknown user", "error", err)
	}
}
