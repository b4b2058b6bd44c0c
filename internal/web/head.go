package web

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/engine"
)

// Head returns the script tag for the page of a request, and with Config.HTML that
// of pull-html.mjs. platform determines which hooks run. It returns "" if the plugin
// is not mounted.
func (s *Server) Head(c Context, platform, nonce string) template.HTML {
	mount := s.mountFor(c)
	if mount == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("<script")
	source(&b, mount, "pull.js")
	if user, off := s.pageOf(c); off != "" {
		attribute(&b, "data-off", off)
	} else {
		attribute(&b, "data-url", mount)
		attribute(&b, "data-user", user)
		attribute(&b, "data-cursor", s.cursorFor(c))
		attribute(&b, "data-extend", s.extendSeconds())
	}
	if s.config.Shared {
		attribute(&b, "data-shared", "true")
	}
	if s.config.DOMEvents != 0 {
		attribute(&b, "data-dom-events", s.domEvents())
	}
	attribute(&b, "data-platform", platform)
	finish(&b, mount, "pull.js", nonce)
	if s.config.HTML {
		b.WriteString(`<script type="module"`)
		source(&b, mount, "pull-html.mjs")
		finish(&b, mount, "pull-html.mjs", nonce)
	}
	return template.HTML(b.String()) //nolint:gosec // every attribute is escaped
}

// source writes the address of a file of the client into a script tag.
func source(b *strings.Builder, mount, name string) {
	attribute(b, "src", joinPath(mount, name)+"?v="+assets[name].version)
}

// finish writes what lets the browser run the file, and the end of the tag.
func finish(b *strings.Builder, mount, name, nonce string) {
	if nonce != "" {
		attribute(b, "nonce", nonce)
	}
	attribute(b, "integrity", assets[name].sum)
	if isElsewhere(mount) { // required for integrity
		attribute(b, "crossorigin", "anonymous")
	}
	b.WriteString("></script>")
}

// isElsewhere reports whether a URL may be on another host than the page.
func isElsewhere(address string) bool {
	return strings.HasPrefix(address, "//") || !strings.HasPrefix(address, "/")
}

// mountFor returns the URL of the plugin for the page of a request, or "".
func (s *Server) mountFor(c Context) string {
	m := s.mounted.Load()
	if m == nil {
		return ""
	}
	mount, missing := m.location.fill(func(parameter string) string {
		return escapeLike(c.Request().URL, c.Param(parameter))
	})
	if missing != "" && s.reports.Allow("head "+c.Route()) {
		s.engine.Misconfigured(fmt.Errorf("pull: Head on %s: the route has no parameter %q, which the address of the mount contains", c.Route(), missing))
	}
	return mount
}

// pageOf returns the user of a page, or the reason why the page does not connect.
func (s *Server) pageOf(c Context) (user, off string) {
	if !s.isSectionUsed(s.sectionOf(c)) {
		return "", "section"
	}
	login, err := s.loginOf(c)
	switch {
	case err != nil:
		return "", "user"
	case login.User == "" && !s.config.Guests:
		return "", "guest"
	}
	return login.User, ""
}

// isSectionUsed reports whether pages of the section connect: fragments and the
// watches of a page belong to no module.
func (s *Server) isSectionUsed(section engine.Section) bool {
	return s.config.HTML && section&^engine.NoSection != 0 || s.engine.IsSectionUsed(section)
}

// cursorFor returns the position of the log at the beginning of the request.
func (s *Server) cursorFor(c Context) string {
	if o := s.engine.Outbox(c.Request().Context()); o != nil {
		return o.Cursor()
	}
	return s.engine.Hub().Cursor().String()
}

func attribute(b *strings.Builder, name, value string) {
	b.WriteString(" " + name + `="`)
	template.HTMLEscape(b, []byte(value))
	b.WriteByte('"')
}

// extendSeconds is extendEvery for the script tag.
func (s *Server) extendSeconds() string {
	return strconv.FormatFloat(s.extendEvery().Seconds(), 'f', -1, 64)
}

// extendEvery returns how often pages extend their watches and renew their grants:
// every 29 minutes if a watch lives for 32, and in this proportion otherwise, and at
// least twice in the life of a grant, which may expire while the page is away. The
// client accepts values above 0 and below 10⁶ s.
func (s *Server) extendEvery() time.Duration {
	every := min(s.engine.WatchTTL()/32*29, s.engine.GrantTTL()/2)
	return min(max(every, time.Millisecond), 999_999*time.Second)
}

// domEvents returns Config.DOMEvents in milliseconds, within what a browser's timer
// can wait for, or false for none.
func (s *Server) domEvents() string {
	if s.config.DOMEvents < 0 {
		return "false"
	}
	ms := min(float64(s.config.DOMEvents)/float64(time.Millisecond), math.MaxInt32)
	return strconv.FormatFloat(ms, 'f', -1, 64)
}
