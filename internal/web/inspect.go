package web

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/echo-pull/pull/internal/inspect"
	"github.com/echo-pull/pull/internal/session"
)

// Inspector returns a handler for the pages of the inspector, at a route that ends with a
// wildcard. nonce returns the nonce of the page's policy, with the framework's own context
// of the request.
func (s *Server) Inspector(nonce func(request any) string) func(Context) error {
	inspector := inspect.New(s.engine, s.config.InspectParams)
	return withBoundBody(func(c Context) error { return s.inspect(c, inspector, nonce(c.Framework())) })
}

// inspect serves a page of the inspector.
func (s *Server) inspect(c Context, inspector *inspect.Inspector, nonce string) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	login, err := s.inspectorLogin(c)
	if err != nil {
		return err
	}
	if method := c.Request().Method; method != http.MethodGet && method != http.MethodHead {
		c.Response().Header().Set("Allow", "GET, HEAD")
		return refuse(http.StatusMethodNotAllowed, "the pages of the inspector only show")
	}
	rest := c.Param("*")
	if rest != "" && rest[0] != '/' && !strings.HasSuffix(c.Route(), "/*") {
		return refuse(http.StatusNotFound, "no page of the inspector")
	}
	mount := s.mountFor(c)
	secureInspector(c.Response().Header(), mount)
	return inspector.Serve(c.Response(), c.Request(), &inspect.Visit{
		Page: strings.Trim(rest, "/"), Base: inspectorBase(c.Request().URL.Path, rest),
		Query: c.Request().URL.Query(), Nonce: nonce,
		Live: func(tag string) (template.HTML, string, error) {
			if mount == "" {
				return "", "", errors.New("pull: Plugin.Mount was not called, or its address has a parameter that this route lacks")
			}
			grant, err := s.Grant(c, []string{tag})
			if err != nil {
				return "", "", err
			}
			return s.inspectorHead(c, mount, login.User, nonce), grant, nil
		},
	})
}

// inspectorLogin returns the login of a request, or the refusal. A link from another site
// may lead here: the pages change nothing.
func (s *Server) inspectorLogin(c Context) (session.Login, error) {
	if host := c.Request().Host; !s.hosts.has(host) {
		s.reportHost(host)
		return session.Login{}, refuse(http.StatusForbidden, "host not allowed")
	}
	login, err := s.known(c)
	if err == nil && login.User == "" {
		return session.Login{}, refuse(http.StatusForbidden, "the inspector is not for guests")
	}
	return login, err
}

// inspectorBase returns the way from a page at a path to the handler's own path. rest is
// what the wildcard has matched. It is relative, because a proxy may rewrite paths.
func inspectorBase(at, rest string) string {
	if rest == "" && !strings.HasSuffix(at, "/") {
		return "./" + url.PathEscape(path.Base(at)) + "/"
	}
	return "./" + strings.Repeat("../", strings.Count(strings.TrimPrefix(rest, "/"), "/"))
}

// inspectorHead returns the script tags of a page of the inspector, which connects
// whether or not a module needs that, and by itself.
func (s *Server) inspectorHead(c Context, mount, user, nonce string) template.HTML {
	var b strings.Builder
	b.WriteString("<script")
	source(&b, mount, "pull.js")
	attribute(&b, "data-url", mount)
	attribute(&b, "data-user", user)
	attribute(&b, "data-cursor", s.cursorFor(c))
	attribute(&b, "data-extend", s.extendSeconds())
	attribute(&b, "data-dom-events", "false")
	finish(&b, mount, "pull.js", nonce)
	b.WriteString(`<script type="module"`)
	source(&b, mount, "pull-html.mjs")
	finish(&b, mount, "pull-html.mjs", nonce)
	return template.HTML(b.String()) //nolint:gosec // every attribute is escaped
}

// secureInspector sets the headers of a page that shows much about users, unless the
// application has set its own.
func secureInspector(h http.Header, mount string) {
	h.Set("X-Content-Type-Options", "nosniff")
	elsewhere := ""
	if u, err := url.Parse(mount); err == nil && u.Host != "" {
		elsewhere = " https://" + u.Host + " http://" + u.Host + " wss://" + u.Host + " ws://" + u.Host
	}
	for name, value := range map[string]string{
		"Referrer-Policy":              "same-origin", // addresses contain ids of users
		"X-Frame-Options":              "DENY",
		"Cross-Origin-Resource-Policy": "same-origin", // whether a file can be loaded shows who is logged in
		"Content-Security-Policy": "default-src 'none'; script-src 'self'" + elsewhere + "; connect-src 'self'" + elsewhere +
			"; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	} {
		if h.Get(name) == "" {
			h.Set(name, value)
		}
	}
}
