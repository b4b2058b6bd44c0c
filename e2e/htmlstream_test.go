package e2e

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/echo-pull/pull"
)

// streamPages are pages with the client of a library in place of ours: its scripts, and an
// element that reads the stream and shows gaps in the global gaps.
var streamPages = map[string]string{
	"htmx4": `<script src="/npm/htmx4/dist/htmx.min.js"></script><script src="/npm/htmx4/dist/ext/hx-sse.min.js"></script>
		<div id="stream" hx-sse:connect="/pull/html?%s" hx-sse:close="pull:stop"></div>
		<script>document.body.addEventListener("pull:gap", () => gaps++)</script>`,
	"htmx2": `<script src="/npm/htmx2/dist/htmx.min.js"></script><script src="/npm/htmx-ext-sse/sse.js"></script>
		<div id="stream" hx-ext="sse" sse-connect="/pull/html?format=htmx2&%s" sse-swap="message" sse-close="pull:stop">
			<i hx-get="/elsewhere" hx-trigger="sse:pull:gap" hx-swap="none"></i></div>
		<script>document.body.addEventListener("sse:pull:gap", () => gaps++)</script>`,
}

// streamPage renders a page whose stream begins at the cursor of the request, or with a
// grant of the tag in its query.
func streamPage(c pull.Context, p *pull.Plugin) error {
	begin := "cursor=" + c.Pull().Cursor()
	if tag := c.QueryParam("tag"); tag != "" {
		grant, err := p.Grant(c, tag)
		if err != nil {
			return err
		}
		begin = "grant=" + grant
	}
	return c.HTML(http.StatusOK, `<!doctype html><title>html</title><link rel="icon" href="data:,"><body><script>let gaps = 0</script>
		<ul id="list"><li id="t1">one</li><li id="t2"><input id="typed" value="two"></li><li id="t3">three</li></ul>`+
		fmt.Sprintf(streamPages[c.Param("library")], begin))
}

// openStream opens the page of a library as a person who is logged in.
func openStream(t *testing.T, s *site, library string) *tab {
	t.Helper()
	if _, err := os.Stat("node_modules/htmx4"); errors.Is(err, os.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skip("no htmx: run npm ci in e2e")
	}
	return newPerson(t, "ann").open(t, s.url+"/stream/"+library)
}

// render sends a fragment to everyone.
func (s *site) render(f pull.Fragment) {
	s.t.Helper()
	if err := s.current().Render(s.t.Context(), pull.Shared(), f); err != nil {
		s.t.Fatal(err)
	}
}

// lists waits until the list has these items.
func (p *tab) lists(want ...string) {
	p.Helper()
	p.until(fmt.Sprintf(`[...document.querySelectorAll("#list > *")].map((e) => e.textContent.trim()).join() === %q`, strings.Join(want, ",")))
}

func item(id, text string) template.HTML {
	return template.HTML(fmt.Sprintf("<li id=%q>\n%s</li>", id, text))
}

func TestHTMXShowsEachSwap(t *testing.T) {
	t.Parallel()
	for library := range streamPages {
		t.Run(library, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, nil)
			page := openStream(t, s, library)
			page.lists("one", "", "three")
			page.run(`document.querySelector("#typed").value = "by hand"; 0`)

			s.render(pull.Fragment{Selector: "#t1", HTML: item("t1", "ONE")})
			s.render(pull.Fragment{Selector: "#t3", Swap: pull.Inner, HTML: template.HTML("<b>THREE</b>")})
			s.render(pull.Fragment{Selector: "#t1", Swap: pull.Before, HTML: item("t0", "zero")})
			s.render(pull.Fragment{Selector: "#t3", Swap: pull.After, HTML: item("t4", "four")})
			s.render(pull.Fragment{Selector: "#list", Swap: pull.Prepend, HTML: item("first", "first")})
			s.render(pull.Fragment{Selector: "#list", Swap: pull.Append, HTML: item("last", "last")})
			page.lists("first", "zero", "ONE", "", "THREE", "four", "last")
			if typed := value[string](page, `document.querySelector("#typed").value`); typed != "by hand" {
				t.Errorf("the page has %q in its field, want what was typed", typed)
			}

			s.render(pull.Fragment{Selector: "#first, #last", Swap: pull.Delete})
			s.render(pull.Fragment{Selector: "#list", Swap: pull.Upsert, HTML: item("t4", "FOUR")})
			s.render(pull.Fragment{Selector: "body > ul, ol", Swap: pull.Upsert, HTML: item(`t"5,\`, "five")})
			s.render(pull.Fragment{Selector: "#list", Swap: pull.Upsert, HTML: item(`t"5,\`, "FIVE")})
			s.render(pull.Fragment{Selector: "#t0", Swap: pull.Morph, HTML: item("t0", "ZERO")})
			s.render(pull.Fragment{Selector: "#nowhere", HTML: item("x", "x")})
			s.render(pull.Fragment{Selector: "#t1", HTML: item("t1", "done")})

			page.lists("ZERO", "done", "", "THREE", "FOUR", "FIVE")
		})
	}
}

// htmx 4 has a morph, which keeps what was typed into a field.
func TestHTMX4KeepsWhatIsTyped(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	page := openStream(t, s, "htmx4")
	page.run(`document.querySelector("#typed").focus(); document.querySelector("#typed").value = "by hand"; 0`)

	s.render(pull.Fragment{Selector: "#t2", Swap: pull.Morph, HTML: template.HTML(`<li id="t2" class="new"><input id="typed" value="two"></li>`)})

	page.until(`document.querySelector("#t2.new")`)
	if got := value[string](page, `document.activeElement.id + document.querySelector("#typed").value`); got != "typedby hand" {
		t.Errorf("focus and text are %q, want typed and by hand", got)
	}
}

// Between rendering and connecting, in a planned restart, and while the network is
// away, a page misses nothing and gets nothing twice.
func TestHTMXMissesNothing(t *testing.T) {
	t.Parallel()
	for library := range streamPages {
		t.Run(library, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir() + "/state"
			s := newSite(t, func(c *pull.Config) { c.StateFile = state })
			page := openStream(t, s, library)
			want := []string{"one", "", "three"}
			add := func(n int) {
				text := fmt.Sprint("item ", n)
				s.render(pull.Fragment{Selector: "#list", Swap: pull.Append, HTML: item(fmt.Sprint("i", n), text)})
				want = append(want, text)
			}
			for n := range 20 {
				add(n)
			}
			page.lists(want...)

			s.stop()
			s.start(s.url[len("http://"):])
			for n := range 20 { // before the page is back
				add(20 + n)
			}
			page.lists(want...)

			page.offline(true)
			for n := range 20 {
				add(40 + n)
			}
			page.offline(false)
			page.lists(want...)
			if gaps := value[int](page, "gaps"); gaps != 0 {
				t.Errorf("the page was notified of %d gaps, want none", gaps)
			}
		})
	}
}

// If the history is lost with the server, the page is notified, and goes on.
func TestHTMXIsNotifiedOfAGap(t *testing.T) {
	t.Parallel()
	for library := range streamPages {
		t.Run(library, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, nil)
			page := openStream(t, s, library)
			s.render(pull.Fragment{Selector: "#t1", HTML: item("t1", "before")})
			page.lists("before", "", "three")

			s.restart()

			page.until("gaps === 1")
			s.render(pull.Fragment{Selector: "#t1", HTML: item("t1", "after")})
			page.lists("after", "", "three")
		})
	}
}

// A user whom the application has disconnected does not come back.
func TestHTMXStopsIfItMust(t *testing.T) {
	t.Parallel()
	for library := range streamPages {
		t.Run(library, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, nil)
			page := openStream(t, s, library)
			s.render(pull.Fragment{Selector: "#t1", HTML: item("t1", "here")})
			page.lists("here", "", "three")
			page.run(`window.stopped = false; document.body.addEventListener("htmx:sse:close", () => { window.stopped = true }); document.body.addEventListener("htmx:sseClose", () => { window.stopped = true })`)

			if err := s.current().Disconnect("ann"); err != nil {
				t.Error(err)
			}

			page.until("window.stopped")
		})
	}
}
