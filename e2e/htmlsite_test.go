package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// libraries are the files of the libraries that pages load, in node_modules.
var libraries = map[string]string{
	"htmx2":     "htmx2/dist/htmx.min.js",
	"htmx4":     "htmx4/dist/htmx.min.js",
	"idiomorph": "idiomorph/dist/idiomorph.min.js",
	"turbo":     "@hotwired/turbo/dist/turbo.es2017-umd.js",
	"alpine":    "alpinejs/dist/cdn.min.js",
}

// feed is a script that a page loads before the client. It lets a test put messages
// into the page's connection, and notes what the client sends about grants, which it
// keeps from the server.
const feed = `
	const sent = [], errors = [], events = []
	let socket, gaps = 0, offset = 1e9
	window.WebSocket = class extends WebSocket {
		constructor(...args) {
			super(...args)
			socket = this
		}
		send(text) {
			if (/^."(un)?watch"/.test(text)) sent.push(text)
			else super.send(text)
		}
	}
	const say = (...messages) => socket.onmessage({ data: JSON.stringify(messages) })
	const render = (...fragments) => say(...fragments.map((fragment) => [++offset, Date.now(), "pull:render", fragment]))
	addEventListener("DOMContentLoaded", () => {
		BX.PULL.on("error", (code) => errors.push(code))
		BX.PULL.on("gap", () => gaps++)
	})
`

// An htmlPage is a page that applies fragments.
type htmlPage struct {
	*tab
	site *site
}

// openHTML opens a page with this markup and these libraries, and waits until it
// is connected. Under strict, the page has a Content Security Policy without any
// exception for scripts; for styles it has one, because Turbo adds an inline style.
func openHTML(t *testing.T, strict bool, markup string, names ...string) *htmlPage {
	t.Helper()
	s := newSite(t, func(c *pull.Config) { c.HTML = true })
	var scripts strings.Builder
	for _, name := range names {
		fmt.Fprintf(&scripts, `<script src="/lib/%s"></script>`, name)
		source := library(t, name)
		s.echo.GET("/lib/"+name, func(c echo.Context) error { return c.Blob(http.StatusOK, "text/javascript", source) })
	}
	s.echo.GET("/lib/feed", func(c echo.Context) error { return c.Blob(http.StatusOK, "text/javascript", []byte(feed)) })
	s.echo.GET("/part", func(c echo.Context) error { return c.HTML(http.StatusOK, `<b id="part">part of the page</b>`) })
	s.echo.GET("/frame", func(c echo.Context) error {
		return c.HTML(http.StatusOK, `<turbo-frame id="frame">from the frame</turbo-frame>`)
	})
	s.echo.GET("/html", func(c echo.Context) error {
		if strict {
			c.Response().Header().Set(echo.HeaderContentSecurityPolicy, "default-src 'self'; img-src data:; style-src 'self' 'unsafe-inline'")
		}
		return c.HTML(http.StatusOK, `<!doctype html><title>page</title><link rel="icon" href="data:,">
			<meta name="htmx-config" content='{"includeIndicatorStyles": false, "includeIndicatorCSS": false}'>
			<script src="/lib/feed"></script>`+string(s.current().Head(c))+`<body><main>`+markup+`</main>`+scripts.String()+`</body>`)
	})
	page := &htmlPage{newPerson(t, "ann").open(t, s.url+"/html"), s}
	page.connected()
	page.until(`customElements.get("pull-watch")`)
	return page
}

// library returns the source of a library for pages.
func library(t *testing.T, name string) []byte {
	t.Helper()
	source, err := os.ReadFile("node_modules/" + libraries[name])
	if errors.Is(err, os.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skip("no " + name + ": run npm ci in e2e")
	}
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// A fragment is a fragment as it is on the wire.
type fragment struct {
	Selector string `json:"selector"`
	Swap     string `json:"swap"`
	HTML     string `json:"html,omitempty"`
	Version  int64  `json:"version,omitempty"`
}

// show replaces the markup of the page.
func (p *htmlPage) show(markup string) {
	p.Helper()
	p.run("document.querySelector('main').innerHTML = " + quoted(markup))
}

// render delivers fragments to the page in one frame.
func (p *htmlPage) render(fragments ...fragment) {
	p.Helper()
	list, err := json.Marshal(fragments)
	if err != nil {
		p.Fatal(err)
	}
	p.run("render(..." + string(list) + ")")
}

// shows compares the markup of the page.
func (p *htmlPage) shows(want string) {
	p.Helper()
	if got := value[string](p.tab, `document.querySelector("main").innerHTML.replaceAll(/ class="[^"]*"| data-htmx-powered="[^"]*"/g, "")`); got != want {
		p.Errorf("the page shows\n\t%s\nwant\n\t%s", got, want)
	}
}

// is compares what an expression returns.
func (p *htmlPage) is(expression, want string) {
	p.Helper()
	if got := value[string](p.tab, "String("+expression+")"); got != want {
		p.Errorf("%s is %s, want %s", expression, got, want)
	}
}

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can always be encoded
	}
	return string(b)
}
