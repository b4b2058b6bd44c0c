package pull

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/rate"
)

// visitor decides who may connect, and says who it is.
func (p *Plugin) visitor(c echo.Context) (string, error) {
	if host := c.Request().Host; !p.hosts.has(host) {
		p.reportHost(host)
		return "", refuse(http.StatusForbidden, "host not allowed")
	}
	if origin, allowed := p.sameOrigin(c); !allowed {
		p.reportOrigin(c, origin)
		return "", refuse(http.StatusForbidden, "origin not allowed")
	}
	user, err := p.userOf(c)
	var status *echo.HTTPError
	switch {
	case errors.As(err, &status):
		return "", err
	case err != nil:
		p.reportUser(err)
		return "", refuse(http.StatusUnauthorized, "unknown user")
	case c.Response().Committed: // a redirect to a login, and nil
		return "", refuse(http.StatusUnauthorized, "the request was answered before")
	case user == "" && !p.config.Guests:
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
func (p *Plugin) sameOrigin(c echo.Context) (origin string, allowed bool) {
	r := c.Request()
	said := []string{r.Header.Get(echo.HeaderOrigin)}
	if said[0] == "" && isForeign(r.Header.Get("Sec-Fetch-Site")) {
		return "", false
	}
	if r.Method == http.MethodGet && !websocket.IsWebSocketUpgrade(r) {
		said = append(said, r.URL.Query().Get("origin"))
	}
	for _, origin := range said {
		if origin != "" && !p.isAllowed(c, origin) {
			return origin, false
		}
	}
	return "", true
}

// isForeign tells whether a request without an origin is of another site, or of
// a sibling: another host below the same domain, which need not be the
// application's.
func isForeign(fetchSite string) bool { return fetchSite == "cross-site" || fetchSite == "same-site" }

func (p *Plugin) isAllowed(c echo.Context, origin string) bool {
	origin, err := canonicalOrigin(origin)
	if err != nil {
		return false
	}
	here, err := canonicalOrigin(schemeOf(c) + "://" + c.Request().Host)
	return err == nil && origin == here || p.origins.has(origin)
}

// schemeOf returns http or https: proxies may name a WebSocket's.
func schemeOf(c echo.Context) string {
	scheme := strings.ToLower(c.Scheme())
	if rest, socket := strings.CutPrefix(scheme, "ws"); socket {
		return "http" + rest
	}
	return scheme
}

// reportOrigin says in the log what a refusal was about. Most often a proxy does
// not pass on the host, or the scheme.
func (p *Plugin) reportOrigin(c echo.Context, origin string) {
	if p.reports.Allow("origin " + origin) {
		p.config.Logger.Warn("pull: origin not allowed",
			"origin", rate.Clip(origin), "host", rate.Clip(c.Request().Host), "scheme", rate.Clip(c.Scheme()))
	}
}

// reportUser says in the log why nobody knows the user, which is not for the client.
func (p *Plugin) reportUser(err error) {
	if p.reports.Allow("user " + err.Error()) {
		p.config.Logger.Warn("pull: unknown user", "error", err)
	}
}
