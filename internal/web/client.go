package web

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/echo-pull/pull/client"
)

//nolint:gochecknoglobals // what is embedded is global
var assets = map[string]*asset{
	"pull.js":   newAsset("text/javascript; charset=utf-8", client.Script),
	"pull.mjs":  newAsset("text/javascript; charset=utf-8", client.Module),
	"pull.d.ts": newAsset("text/plain; charset=utf-8", client.Types),
}

// An asset is a file of the browser client.
type asset struct {
	mime    string
	content []byte
	version string // a hash of the content, for its address …
	sum     string // … and as the attribute integrity has it
}

func newAsset(mime string, content []byte) *asset {
	version, sum := sha256.Sum256(content), sha512.Sum384(content)
	return &asset{mime, content, hex.EncodeToString(version[:8]), "sha384-" + base64.StdEncoding.EncodeToString(sum[:])}
}

// serve sends a file of the client, which the browser may keep for good under its
// version, and else has to ask whether it has changed. Pages of other sites may
// import it: there is nothing of the user in it.
func (a *asset) serve(c Context) error {
	header := c.Response().Header()
	header.Set("Content-Type", a.mime)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("ETag", `"`+a.version+`"`)
	header.Set("Cache-Control", "no-cache")
	if header.Get("Access-Control-Allow-Origin") == "" {
		header.Set("Access-Control-Allow-Origin", "*")
	}
	if c.Request().URL.Query().Get("v") == a.version {
		header.Set("Cache-Control", "public, max-age=31536000, immutable, no-transform")
	}
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(a.content))
	return nil
}

// Head returns the script tag for the page of a request, on which hooks of the
// platform run.
func (s *Server) Head(c Context, platform, nonce string) template.HTML {
	mount := s.mountFor(c)
	if mount == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("<script")
	script := assets["pull.js"]
	attribute(&b, "src", below(mount, "pull.js")+"?v="+script.version)
	if user, off := s.pageOf(c); off != "" {
		attribute(&b, "data-off", off)
	} else {
		attribute(&b, "data-url", mount)
		attribute(&b, "data-user", user)
		attribute(&b, "data-cursor", s.cursorFor(c))
		attribute(&b, "data-extend", strconv.FormatFloat(s.extendEvery().Seconds(), 'f', -1, 64))
	}
	attribute(&b, "data-platform", platform)
	if nonce != "" {
		attribute(&b, "nonce", nonce)
	}
	attribute(&b, "integrity", script.sum)
	if isElsewhere(mount) { // else the browser could not check it
		attribute(&b, "crossorigin", "anonymous")
	}
	b.WriteString("></script>")
	return template.HTML(b.String()) //nolint:gosec // every attribute is escaped
}

// isElsewhere tells whether an address may be on another host than the page's.
func isElsewhere(address string) bool {
	return strings.HasPrefix(address, "//") || !strings.HasPrefix(address, "/")
}

// mountFor returns where the page of a request finds the plugin, or "".
func (s *Server) mountFor(c Context) string {
	m := s.mounted.Load()
	if m == nil {
		return ""
	}
	mount, missing := m.location.fill(func(parameter string) string {
		return asInAddress(c.Request().URL, c.Param(parameter))
	})
	if missing != "" && s.reports.Allow("head "+c.Route()) {
		s.engine.Report(fmt.Errorf("pull: Head on %s: the route has no parameter %q, which the address of the mount contains", c.Route(), missing))
	}
	return mount
}

// pageOf returns whom a page is rendered for, or why it does not connect.
func (s *Server) pageOf(c Context) (user, off string) {
	if !s.engine.IsSectionUsed(s.sectionOf(c)) {
		return "", "section"
	}
	user, err := s.userOf(c)
	switch {
	case err != nil:
		return "", "user"
	case user == "" && !s.config.Guests:
		return "", "guest"
	}
	return user, ""
}

// cursorFor returns the position of the log when the request began.
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

// extendEvery is how often pages extend their watches: 29 minutes, where a watch
// lives for 32. The client takes what is more than nothing and less than 10⁶ s.
func (s *Server) extendEvery() time.Duration {
	return min(max(s.engine.WatchTTL()/32*29, time.Millisecond), 999_999*time.Second)
}
