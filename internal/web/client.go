package web

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/echo-pull/pull/client"
)

//nolint:gochecknoglobals // embedded files are global
var assets = map[string]*asset{
	"pull.js":    newAsset("text/javascript; charset=utf-8", client.Script),
	"pull.mjs":   newAsset("text/javascript; charset=utf-8", client.Module),
	"pull.d.ts":  newAsset("text/plain; charset=utf-8", client.Types),
	"pull.d.mts": newAsset("text/plain; charset=utf-8", client.Types), // what TypeScript looks for beside pull.mjs

	"pull-html.mjs":   newAsset("text/javascript; charset=utf-8", client.HTML),
	"pull-push.mjs":   newAsset("text/javascript; charset=utf-8", client.Push),
	"pull-shared.js":  newAsset("text/javascript; charset=utf-8", client.Shared),
	"pull-typing.mjs": newAsset("text/javascript; charset=utf-8", client.Typing),
	"pull-worker.js":  newWorker(client.Worker),
}

// An asset is a file of the browser client.
type asset struct {
	mime    string
	content []byte
	version string // a hash of the content, for the URL
	sum     string // another hash, for the attribute integrity
	scope   string // of a service worker: the largest that a page may choose
}

func newAsset(mime string, content []byte) *asset {
	version, sum := sha256.Sum256(content), sha512.Sum384(content)
	return &asset{mime: mime, content: content, version: hex.EncodeToString(version[:8]), sum: "sha384-" + base64.StdEncoding.EncodeToString(sum[:])}
}

// newWorker returns a service worker, which a page may register for the whole site.
func newWorker(content []byte) *asset {
	a := newAsset("text/javascript; charset=utf-8", content)
	a.scope = "/"
	return a
}

// serve sends a file of the client. The browser may keep it forever under the URL
// with its version, and must revalidate it under others. Pages of other sites may
// import it: it contains nothing of a user.
func (a *asset) serve(c Context) error {
	header := c.Response().Header()
	header.Set("Content-Type", a.mime)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("ETag", `"`+a.version+`"`)
	header.Set("Cache-Control", "no-cache")
	if a.scope != "" {
		header.Set("Service-Worker-Allowed", a.scope)
	}
	if header.Get("Access-Control-Allow-Origin") == "" {
		header.Set("Access-Control-Allow-Origin", "*")
	}
	if c.Request().URL.Query().Get("v") == a.version {
		header.Set("Cache-Control", "public, max-age=31536000, immutable, no-transform")
	}
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(a.content))
	return nil
}
