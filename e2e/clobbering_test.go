package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/echo-pull/pull"
)

// A foreignServer is another site's server. It records the requests it receives.
type foreignServer struct {
	*httptest.Server

	mu    sync.Mutex // guards asked
	asked []string
}

func newForeignServer(t *testing.T) *foreignServer {
	t.Helper()
	s := &foreignServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, r.URL.String())
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *foreignServer) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// markups are what a visitor can write if the application filters scripts but not
// names and data attributes. EVIL is replaced by the address of another server.
var markups = map[string]string{
	"currentScript as an image":     `<img name="currentScript" data-url="EVIL/pull">`,
	"currentScript as a form":       `<form name="currentScript" data-url="EVIL/pull"></form>`,
	"currentScript by name and id":  `<img id="currentScript" name="currentScript" data-url="EVIL/pull" data-user="ann">`,
	"currentScript as a collection": `<img name="currentScript" data-url="EVIL/pull"><img name="currentScript" data-url="EVIL/pull">`,
	"currentScript as a frame":      `<iframe name="currentScript" data-url="EVIL/pull"></iframe>`,
	"other ways to the script":      named("img", `data-url="EVIL/pull"`, "scripts", "getElementById", "getElementsByTagName", "querySelector", "querySelectorAll"),
	"the document's address":        named("img", "", "baseURI", "URL", "documentURI", "location", "defaultView"),
	"the document's state":          named("form", "", "readyState", "hidden", "visibilityState"),
	"the document's listeners":      named("form", "", "addEventListener"),
	"the names of the client":       `<a id="BX" data-url="x"></a><a id="Pull"></a><a id="BXMobileApp"></a>`,
	"collections of these names":    strings.Repeat(`<a id="BX"></a><a id="Pull"></a><a id="BXMobileApp"></a>`, 2),
	"frames of these names":         `<iframe name="BX" src="data:text/html,x"></iframe><iframe name="Pull" src="data:text/html,x"></iframe>`,
	"what the client calls":         named("a", "", "Document", "HTMLScriptElement", "WebSocket", "fetch", "crypto", "Object", "addEventListener", "Symbol(echo-pull)"),
	"an SVG with a script's name":   `<svg><a id="BX"></a></svg><img name="currentScript" data-off="guest">`,
}

// named returns elements with these names and ids.
func named(element, attributes string, names ...string) string {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, `<%s name="%s" id="%s" %s></%s>`, element, name, name, attributes, element)
	}
	return b.String()
}

// clobbered serves a page that has the markup before and after the client's script.
func clobbered(s *site, markup string) string {
	s.echo.GET("/clobbered", pull.Handler(func(c pull.Context) error {
		return c.HTML(http.StatusOK, fmt.Sprintf(`<!doctype html><title>page</title><link rel="icon" href="data:,">
			<div id="comments">%s</div>%s<div>%s</div>
			<script>
				const heard = [], errors = []
				let gaps = 0
				BX.addCustomEvent("onPullEvent-test", (command, params) => heard.push(params.n))
				BX.addCustomEvent("onPullError", (code) => errors.push(code))
				BX.addCustomEvent("onPullGap", () => gaps++)
				const early = typeof BX // a real core may load later, but not if BX is a function
				BX.ready(() => { window.found = BX("comments") })
				BX.PULL.tagRequests()
				const request = new XMLHttpRequest()
				request.open("GET", "/elsewhere")
				request.send()
			</script>`, markup, s.current().Head(c), markup))
	}))
	return s.url + "/clobbered"
}

func TestMarkupOfVisitorsNeitherMovesNorBreaksTheClient(t *testing.T) {
	t.Parallel()
	for name, markup := range markups {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			evil := newForeignServer(t)
			s := newSite(t, nil)
			page := newPerson(t, "ann").open(t, clobbered(s, strings.ReplaceAll(markup, "EVIL", evil.URL)))

			page.connected()

			s.send(pull.User("ann"), 1, 2)
			page.heard(1, 2)
			if got := value[string](page, "BX.PULL.getDebugInfo().url"); got != s.url+"/pull" {
				t.Errorf("the client is connected to %s, want %s", got, s.url+"/pull")
			}
			if !value[bool](page, `early === "object" && found?.id === "comments" && new Pull().clientId !== BX.PULL.clientId`) {
				t.Errorf("BX(id) or the class Pull is not the client's")
			}
			if asked := evil.requests(); len(asked) > 0 {
				t.Errorf("the other server got requests for %s, want none", asked)
			}
			page.clean("violates", "Blocked a frame")
		})
	}
}

// The script itself is loaded before any visitor's <base>, as in a page's head. A
// deferred tag reads its address when all markup is there.
func TestBaseOfVisitorsDoesNotMoveTheClient(t *testing.T) {
	t.Parallel()
	for _, attribute := range []string{"", "defer"} {
		t.Run("script "+attribute, func(t *testing.T) {
			t.Parallel()
			evil := newForeignServer(t)
			s := newSite(t, nil)
			s.echo.GET("/based", pull.Handler(func(c pull.Context) error {
				return c.HTML(http.StatusOK, fmt.Sprintf(`<!doctype html><title>page</title><link rel="icon" href="data:,">
					%s<base href="%s/">`, strings.Replace(string(s.current().Head(c)), "<script", "<script "+attribute, 1), evil.URL))
			}))
			page := newPerson(t, "ann").open(t, s.url+"/based")

			page.connected()

			if got := value[string](page, "BX.PULL.getDebugInfo().url"); got != s.url+"/pull" {
				t.Errorf("the client is connected to %s, want %s", got, s.url+"/pull")
			}
			page.run(`new Pull({ url: "pull" }).start()`)
			eventually(t, "the second client is connected", func() bool { return s.current().Stats().Sessions == 2 })
			if asked := evil.requests(); len(asked) > 0 {
				t.Errorf("the other server got requests for %s, want none", asked)
			}
		})
	}
}

// The application may have the plugin on another site. Its own tag determines the
// address.
func TestAddressInTheTagOfTheApplicationCounts(t *testing.T) {
	t.Parallel()
	evil := newForeignServer(t)
	there := newSite(t, nil)
	here := newSite(t, func(c *pull.Config) { c.PublicPath = there.url + "/pull" })
	page := newPerson(t, "ann").open(t, clobbered(here, `<img name="currentScript" data-url="`+evil.URL+`/pull">`))

	page.until(`BX.PULL.getDebugInfo().url === "` + there.url + `/pull"`)
	if asked := evil.requests(); len(asked) > 0 {
		t.Errorf("the other server got requests for %s, want none", asked)
	}
}
