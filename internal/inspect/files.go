package inspect

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the files
	"encoding/hex"
	"net/http"
	"sync"
	"time"
)

//go:embed static/inspect.css
var style []byte

//go:embed static/inspect.js
var script []byte

//go:embed static/inspect.svg
var icon []byte

// A file is what the pages load.
type file struct {
	mime    string
	content []byte
	tag     string // its ETag
}

// files returns the files by name.
var files = sync.OnceValue(func() map[string]*file { //nolint:gochecknoglobals // embedded files are global
	return map[string]*file{
		"inspect.css": newFile("text/css; charset=utf-8", style),
		"inspect.js":  newFile("text/javascript; charset=utf-8", script),
		"inspect.svg": newFile("image/svg+xml", icon),
	}
})

func newFile(mime string, content []byte) *file {
	sum := sha256.Sum256(content)
	return &file{mime, content, `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// serve sends the file, unless the browser has it.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", f.mime)
	w.Header().Set("ETag", f.tag)
	w.Header().Set("Cache-Control", "private, no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
