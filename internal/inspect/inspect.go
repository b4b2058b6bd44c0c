// Package inspect shows what a plugin does at this moment: the pages behind
// Plugin.Inspector. It knows no framework. It keeps nothing, and runs nothing, while
// nobody looks.
package inspect

import (
	"crypto/rand"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/engine"
)

// An Inspector serves the pages of one handler. It is safe for concurrent use.
type Inspector struct {
	engine     *engine.Engine
	showParams bool
	tag        string // that its pages watch for what is live

	showing atomic.Bool // whether an update waits for the log

	mu       sync.Mutex // guards what follows; nothing that takes a lock is called under it
	samples  ring
	viewed   time.Time // when the overview was last requested
	sampling bool      // whether sample runs
}

// tagPrefix begins the tags of inspectors.
const tagPrefix = "pull.inspector."

// New returns an inspector of an engine. showParams is Config.InspectParams.
func New(e *engine.Engine, showParams bool) *Inspector {
	return &Inspector{engine: e, showParams: showParams, tag: tagPrefix + rand.Text()}
}

// A Visit is what a page needs to know of its request.
type Visit struct {
	Page  string     // the name of the page: the path below the handler's own
	Base  string     // the way from the page to the handler's own path, with a slash at its end
	Query url.Values // of the request
	Nonce string     // of the policy; empty if there is none

	// Live returns the script tags that connect the page, and a grant of the tag. It
	// returns an error with the reason if nothing can be live.
	Live func(tag string) (head template.HTML, grant string, err error)
}

// Serve serves a page or a file. Its requests must come from a user who may see
// everything.
func (i *Inspector) Serve(w http.ResponseWriter, r *http.Request, v *Visit) error {
	if f := files()[v.Page]; f != nil {
		f.serve(w, r)
		return nil
	}
	mend(v.Query)
	f := frame{Page: v.Page, Base: v.Base, Nonce: v.Nonce, Node: i.engine.Stats().Node, At: second(time.Now())}
	switch v.Page {
	case "":
		i.overview(&f, v)
	case "user":
		i.user(&f, v.Query)
	case "message":
		i.message(&f, v.Query)
	case "why":
		i.why(r.Context(), &f, v.Query)
	default:
		f.fail(http.StatusNotFound, "There is no such page.")
	}
	return f.write(w)
}

// mend replaces what is not UTF-8 in a query: the pages show it.
func mend(query url.Values) {
	for _, values := range query {
		for n, value := range values {
			values[n] = strings.ToValidUTF8(value, "\uFFFD")
		}
	}
}
