package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
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

// feed is a script that a page loads before the client. It notes what the client sends
// about grants, and lets a test put a fragment into the page's connection that the
// server would refuse.
const feed = `
	const sent = [], errors = [], events = []
	let socket, gaps = 0, mark = 0
	window.WebSocket = class extends WebSocket {
		constructor(...args) {
			super(...args)
			socket = this
		}
		send(text) {
			if (/^."(un)?watch"/.test(text)) sent.push(text)
			super.send(text)
		}
	}
	addEventListener("DOMContentLoaded", () => {
		BX.PULL.on("error", (...args) => errors.push(args[0]))
		BX.PULL.on("gap", () => gaps++)
		BX.PULL.on("message", ({ params }) => (mark = params.n))
	})
`

// An htmlPage is a page that applies fragments.
type htmlPage struct {
	*tab
	site *site
	last int // number of the last mark behind what was rendered
}

// openHTML opens a page with this markup and these libraries, and waits until it
// is connected. {A} and {B} in the markup are grants of these tags. Under strict, the page has a Content Security Policy without any
// exception for scripts; for styles it has one, because Turbo adds an inline style.
func openHTML(t *testing.T, strict bool, markup string, names ...string) *htmlPage {
	t.Helper()
	s := newSite(t, func(c *pull.Config) { c.HTML = true })
	var scripts strings.Builder
	for _, name := range names {
		fmt.Fprintf(&scripts, `<script src="/lib/%s"></script>`, name)
		source := library(t, name)
		s.get("/lib/"+name, func(c echo.Context) error { return c.Blob(http.StatusOK, "text/javascript", source) })
	}
	s.get("/lib/feed", func(c echo.Context) error { return c.Blob(http.StatusOK, "text/javascript", []byte(feed)) })
	s.get("/part", func(c echo.Context) error { return c.HTML(http.StatusOK, `<b id="part">part of the page</b>`) })
	s.get("/frame", func(c echo.Context) error {
		return c.HTML(http.StatusOK, `<turbo-frame id="frame">from the frame</turbo-frame>`)
	})
	s.get("/html", func(c echo.Context) error {
		if strict {
			c.Response().Header().Set(echo.HeaderContentSecurityPolicy, "default-src 'self'; img-src data:; style-src 'self' 'unsafe-inline'")
		}
		shown, err := withGrants(s.current(), c, markup)
		if err != nil {
			return err
		}
		return c.HTML(http.StatusOK, `<!doctype html><title>page</title><link rel="icon" href="data:,">
			<meta name="htmx-config" content='{"includeIndicatorStyles": false, "includeIndicatorCSS": false}'>
			<script src="/lib/feed"></script>`+string(s.current().Head(c))+`<body><main>`+shown+`</main>`+scripts.String()+`</body>`)
	})
	page := &htmlPage{newPerson(t, "ann").open(t, s.url+"/html"), s, 0}
	page.connected()
	page.until(`customElements.get("pull-watch")`)
	return page
}

// withGrants fills in the grants of a markup.
func withGrants(p *pull.Plugin, c echo.Context, markup string) (string, error) {
	for _, tag := range []string{"A", "B"} {
		grant, err := p.Grant(c, tag)
		if err != nil {
			return "", err
		}
		markup = strings.ReplaceAll(markup, "{"+tag+"}", grant)
	}
	return markup, nil
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

// A fragment is what a page shows next.
type fragment struct {
	selector, swap, html string
	version              int64
}

// show replaces the markup of the page.
func (p *htmlPage) show(markup string) {
	p.Helper()
	p.run("document.querySelector('main').innerHTML = " + quoted(markup))
}

// render sends fragments to the page, and waits until it has them.
func (p *htmlPage) render(fragments ...fragment) {
	p.Helper()
	for _, f := range fragments {
		sent := pull.Fragment{Selector: f.selector, Swap: pull.Swap(f.swap), Version: f.version}
		if sent.Swap != pull.Delete {
			sent.HTML = template.HTML(f.html)
		}
		if err := p.site.current().Render(p.Context(), pull.User("ann"), sent); err != nil {
			p.Fatalf("%+v: %v", f, err)
		}
	}
	p.last++
	p.site.send(pull.User("ann"), p.last)
	p.until(fmt.Sprintf("mark === %d", p.last))
}

// deliver puts a fragment into the page's connection.
func (p *htmlPage) deliver(offset int, f fragment) {
	p.Helper()
	p.run(fmt.Sprintf(`socket.onmessage({ data: JSON.stringify([[%d, Date.now(), "pull:render", { selector: %s, swap: %s, html: %s }]]) })`,
		offset, quoted(f.selector), quoted(f.swap), quoted(f.html)))
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
