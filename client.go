package pull

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
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
	version string // a hash of the content
}

func newAsset(mime string, content []byte) *asset {
	sum := sha256.Sum256(content)
	return &asset{mime, content, hex.EncodeToString(sum[:8])}
}

// asset serves a file of the client: for ever under its version, else only
// after asking whether it has changed.
func (p *Plugin) asset(c echo.Context) error {
	path := c.Request().URL.Path
	name := path[strings.LastIndexByte(path, '/')+1:]
	a := assets[name]
	if a == nil {
		return echo.ErrNotFound
	}
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, a.mime)
	header.Set(echo.HeaderXContentTypeOptions, "nosniff")
	header.Set("ETag", `"`+a.version+`"`)
	header.Set(echo.HeaderCacheControl, "no-cache")
	if c.QueryParam("v") == a.version {
		header.Set(echo.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	http.ServeContent(c.Response(), c.Request(), name, time.Time{}, bytes.NewReader(a.content))
	return nil
}

// Head returns the script tag that loads the client on the page of this
// request, and connects it from the position that the log had when the request
// began. Put it before the scripts that use hooks. There is no inline code; the
// tag carries Config.Nonce. It is empty where no registered module uses the
// request's section, where nobody is logged in and guests may not connect, and
// before Mount.
func (p *Plugin) Head(c echo.Context) template.HTML {
	path := p.mountedAt.Load()
	if path == nil || !p.registry.needed(sectionOf(c)) {
		return ""
	}
	user, err := p.userOf(c)
	if err != nil || user == "" && !p.config.Guests {
		return ""
	}
	at := p.node.cursor().String()
	if o := From(c.Request().Context()); o != nil {
		at = o.Cursor()
	}
	var b strings.Builder
	b.WriteString("<script")
	attribute(&b, "src", *path+"/pull.js?v="+assets["pull.js"].version)
	attribute(&b, "data-url", *path)
	attribute(&b, "data-user", user)
	attribute(&b, "data-cursor", at)
	attribute(&b, "data-platform", p.platform(c).String())
	attribute(&b, "data-extend", strconv.FormatFloat(p.extendEvery().Seconds(), 'g', -1, 64))
	if p.config.Nonce != nil {
		attribute(&b, "nonce", p.config.Nonce(c))
	}
	b.WriteString("></script>")
	return template.HTML(b.String()) //nolint:gosec // every attribute is escaped
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
// lives for 32, but always in less than a million seconds: the client knows no
// longer time.
func (p *Plugin) extendEvery() time.Duration {
	return min(p.config.WatchTTL/32*29, 999_999*time.Second)
}
