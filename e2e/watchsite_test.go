package e2e

import (
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// A watched page shows a list, and watches the tag in its query by an element. It
// collects what it receives, as the other page of the site does, and refetches its
// state after a gap if it has htmx. For the history of htmx 4 it has all its tags.
const watchedPage = `<!doctype html><html><head><title>watched</title><link rel="icon" href="data:,">%s%s
	<script>
		const heard = [], errors = []
		let gaps = 0
		BX.PULL.on("message", ({ params }) => heard.push(params.n))
		BX.PULL.on("error", (code, state) => errors.push(code + " " + state))
		BX.PULL.on("gap", () => gaps++)
	</script></head>
	<body><main>%s<p id="state" hx-get="/watched/state" hx-trigger="pull:gap from:body">%s</p><ul id="list"></ul><div id="place"></div></main></body></html>`

func newWatchedSite(t *testing.T, configure func(*pull.Config)) *site {
	t.Helper()
	return newSite(t, func(c *pull.Config) {
		c.HTML, c.Guests = true, true
		if configure != nil {
			configure(c)
		}
	})
}

// routeWatched adds the watched page, its parts, and the bare grants in them.
func (s *site) routeWatched(e *echo.Echo, p *pull.Plugin) {
	state := func() string { return strconv.FormatInt(s.state.Load(), 10) }
	element := func(c echo.Context) (string, error) {
		grant, err := p.Grant(c, c.QueryParam("tag"))
		return fmt.Sprintf(`<pull-watch id="w" grant="%s"></pull-watch>`, grant), err
	}
	e.GET("/watched", func(c echo.Context) error {
		watch, err := element(c)
		if given := c.QueryParam("grant"); given != "" {
			watch = fmt.Sprintf(`<pull-watch id="w" grant="%s"></pull-watch>`, template.HTMLEscapeString(given))
		}
		if err != nil {
			return err
		}
		script := ""
		if library := c.QueryParam("library"); library != "" {
			script = fmt.Sprintf(`<script src="/npm/%s/dist/htmx.min.js"></script>`, template.HTMLEscapeString(library))
		}
		return c.HTML(http.StatusOK, fmt.Sprintf(watchedPage, p.Page(c).Head(), script, watch, state()))
	})
	e.GET("/watched/state", func(c echo.Context) error { return c.HTML(http.StatusOK, state()) })
	e.GET("/watched/part", func(c echo.Context) error {
		watch, err := element(c)
		if err == nil && c.QueryParam("late") != "" { // something happens while the part is rendered
			err = p.Send(c.Request().Context(), pull.Tag(c.QueryParam("tag")), numbered(-1))
		}
		if err != nil {
			return err
		}
		return c.HTML(http.StatusOK, watch+`<b id="part">`+template.HTMLEscapeString(c.QueryParam("tag"))+`</b>`)
	})
	e.GET("/watched/grant", func(c echo.Context) error {
		grant, err := p.Grant(c, c.QueryParam("tag"))
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, grant)
	})
}

// watched returns the address of a page that watches a tag.
func (s *site) watched(tag string, more ...string) string {
	query := url.Values{"tag": {tag}}
	for i := 0; i < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	return s.url + "/watched?" + query.Encode()
}

// grantFor returns a grant of a tag for a user.
func (s *site) grantFor(user, tag string) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+"/watched/grant?tag="+url.QueryEscape(tag), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "name", Value: url.QueryEscape(user)})
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("got %d %s, %v, want a grant", response.StatusCode, b, err)
	}
	return string(b)
}

// adds sends a row of the list to a tag. Of those with a key, only the last is kept.
func (s *site) adds(tag, row, key string) {
	s.t.Helper()
	f := pull.Fragment{Selector: "#list", Swap: pull.Append, HTML: item(row, row), Key: key}
	if err := s.current().Render(s.t.Context(), pull.Tag(tag), f); err != nil {
		s.t.Fatal(err)
	}
}

// keeps waits until this many events are in the window: a page that connects then gets
// only the last of those with a key.
func (s *site) keeps(events int) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%d events", events), func() bool { return s.current().Stats().WindowMessages == events })
}

// isWatching waits until the page shows that it watches.
func (p *tab) isWatching() {
	p.Helper()
	p.until(`document.querySelector("pull-watch[connected]:not([stale])")`)
}

// hasPages waits until this many pages watch a tag, and these users do.
func (s *site) hasPages(tag string, pages int, users ...string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%d pages watch %s", pages, tag), func() bool { return s.current().Watch().Pages(tag) == pages })
	if got := s.current().Presence().At(tag); strings.Join(got, ",") != strings.Join(users, ",") {
		s.t.Errorf("%q are at %s, want %q", got, tag, users)
	}
}

// onEachTransport runs a test over WebSockets, and with WebSockets blocked. The fault
// is in front of the connection route.
func onEachTransport(t *testing.T, run func(t *testing.T, fault echo.MiddlewareFunc, noise ...string)) {
	t.Helper()
	t.Parallel()
	t.Run("WebSocket", func(t *testing.T) {
		t.Parallel()
		run(t, func(next echo.HandlerFunc) echo.HandlerFunc { return next })
	})
	t.Run("stream", func(t *testing.T) {
		t.Parallel()
		run(t, refuseUpgrades, "WebSocket", "400", "426")
	})
}
