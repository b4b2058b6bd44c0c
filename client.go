package pull

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

//go:generate npm --prefix client ci
//go:generate npm --prefix client run build

var (
	//go:embed client/dist/pull.js
	classicScript []byte

	//go:embed client/dist/pull.mjs
	moduleScript []byte

	//go:embed client/pull.d.ts
	typesOfClient []byte

	assets = map[string]*asset{
		"pull.js":   newAsset("text/javascript; charset=utf-8", classicScript),
		"pull.mjs":  newAsset("text/javascript; charset=utf-8", moduleScript),
		"pull.d.ts": newAsset("text/plain; charset=utf-8", typesOfClient),
	}
)

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
func (a *asset) serve(c echo.Context) error {
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, a.mime)
	header.Set(echo.HeaderXContentTypeOptions, "nosniff")
	header.Set("ETag", `"`+a.version+`"`)
	header.Set(echo.HeaderCacheControl, "no-cache")
	if header.Get(echo.HeaderAccessControlAllowOrigin) == "" {
		header.Set(echo.HeaderAccessControlAllowOrigin, "*")
	}
	if c.QueryParam("v") == a.version {
		header.Set(echo.HeaderCacheControl, "public, max-age=31536000, immutable, no-transform")
	}
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(a.content))
	return nil
}

// Head returns the script tag that loads the client on the page of this request
// and connects it from the position that the log had when the request began.
// Put it before the scripts that register hooks. The tag has no inline code. It
// contains Config.Nonce and the hash of the script; a browser runs only a
// script that matches the hash.
//
// If the page should not connect, the script only defines its names, including
// BX.PULL, so that the page can register its hooks. The attribute data-off then
// gives the reason: "section" if no registered module uses the request's
// section, "user" if Config.User returned an error, "guest" if nobody is logged
// in and guests may not connect.
//
// Head returns an empty string before Mount. It also does so if the page's
// route lacks a parameter of the mount, which it reports to Config.OnError.
func (p *Plugin) Head(c echo.Context) template.HTML {
	mount := p.mountFor(c)
	if mount == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("<script")
	script := assets["pull.js"]
	attribute(&b, "src", below(mount, "pull.js")+"?v="+script.version)
	if user, off := p.pageOf(c); off != "" {
		attribute(&b, "data-off", off)
	} else {
		attribute(&b, "data-url", mount)
		attribute(&b, "data-user", user)
		attribute(&b, "data-cursor", p.cursorFor(c))
		attribute(&b, "data-extend", strconv.FormatFloat(p.extendEvery().Seconds(), 'f', -1, 64))
	}
	attribute(&b, "data-platform", p.platform(c).String())
	if p.config.Nonce != nil {
		attribute(&b, "nonce", p.config.Nonce(c))
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
func (p *Plugin) mountFor(c echo.Context) string {
	m := p.mounted.Load()
	if m == nil {
		return ""
	}
	mount, missing := m.location.fill(func(parameter string) string {
		return asInAddress(c.Request().URL, c.Param(parameter))
	})
	if missing != "" && p.reports.Allow("head "+c.Path()) {
		p.config.OnError(fmt.Errorf("pull: Head on %s: the route has no parameter %q, which the address of the mount contains", c.Path(), missing))
	}
	return mount
}

// pageOf returns whom a page is rendered for, or why it does not connect.
func (p *Plugin) pageOf(c echo.Context) (user, off string) {
	if !p.registry.needed(p.sectionOf(c)) {
		return "", "section"
	}
	user, err := p.userOf(c)
	switch {
	case err != nil:
		return "", "user"
	case user == "" && !p.config.Guests:
		return "", "guest"
	}
	return user, ""
}

// cursorFor returns the position of the log when the request began.
func (p *Plugin) cursorFor(c echo.Context) string {
	if o := p.Outbox(c.Request().Context()); o != nil {
		return o.Cursor()
	}
	return p.node.cursor().String()
}

func attribute(b *strings.Builder, name, value string) {
	b.WriteString(" " + name + `="`)
	template.HTMLEscape(b, []byte(value))
	b.WriteByte('"')
}

func (p *Plugin) platform(c echo.Context) Platform {
	if p.config.Platform == nil {
		return Desktop
	}
	return p.config.Platform(c)
}

// extendEvery is how often pages extend their watches: 29 minutes, where a watch
// lives for 32. The client takes what is more than nothing and less than 10⁶ s.
func (p *Plugin) extendEvery() time.Duration {
	return min(max(p.config.WatchTTL/32*29, time.Millisecond), 999_999*time.Second)
}
