package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// startCrossOrigin runs the API that docs/cross-origin.md prints, and serves its page with
// Vite on another origin.
func startCrossOrigin(t *testing.T, args ...string) *recipe {
	t.Helper()
	const vite = "node_modules/vite/bin/vite.js"
	if _, err := os.Stat(vite); errors.Is(err, os.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skip("no Vite: run npm ci in e2e")
	}
	r := &recipe{t: t, program: filepath.Join(filepath.Dir(program), "crossorigin"), api: freeAddr(t), page: freeAddr(t)}
	if err := buildRecipe(t.Context(), r.program); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(r.page)
	serve := exec.Command("node", vite, "../example/crossorigin/page", "--config", "testdata/crossorigin.vite.mjs", "--port", port)
	serve.Env = append(os.Environ(), "VITE_API=http://"+r.api, "VITE_CACHE="+t.TempDir())
	r.run(serve, r.page)
	r.start(args...)
	return r
}

// watched opens the page with a WebSocket that notes the addresses of the API's; a script
// may replace it.
func (r *recipe) watched(person *person, script string) *tab {
	r.t.Helper()
	page := person.open(r.t, "about:blank")
	watch := cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(`
		window.addresses = []
		window.WebSocket = class extends WebSocket {
			constructor(url, ...rest) {
				if (String(url).includes(%q)) {
					%s
					addresses.push(String(url))
				}
				super(url, ...rest)
			}
		}`, r.api, script)}
	page.must(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, cdppage.AddScriptToEvaluateOnNewDocument, watch)
		return err
	}))
	page.visit("http://" + r.page)
	return page
}

const online = `document.querySelector("p")?.textContent === "online"`

// enterIn fills the only field of a form and submits it.
func (p *tab) enterIn(form, text string) {
	p.Helper()
	p.until(fmt.Sprintf("document.querySelector('#%s')?.onsubmit", form))
	p.run(fmt.Sprintf("document.querySelector('#%[1]s input').value = %[2]q; document.querySelector('#%[1]s').requestSubmit()", form, text))
}

// tokenless fails the test if an address that the page has asked for contains a token. Each
// handshake has a ticket of its own.
func (p *tab) tokenless() {
	p.Helper()
	all := value[[]string](p, `[...addresses, ...performance.getEntriesByType("resource").map(({ name }) => name)]`)
	seen := make(map[string]bool)
	for _, address := range all {
		if strings.Contains(address, "eyJ") {
			p.Errorf("the address %s contains a token", address)
		}
		if _, ticket, found := strings.Cut(address, "ticket="); found {
			if seen[ticket] {
				p.Errorf("a ticket was used twice: %s", address)
			}
			seen[ticket] = true
		}
	}
	if len(seen) == 0 {
		p.Errorf("no address of %d has a ticket", len(all))
	}
}

func TestPageOfAnotherOriginGetsEventsWithATokenAndGoesOnWithAnotherServer(t *testing.T) {
	t.Parallel()
	r := startCrossOrigin(t)
	ann := newPerson(t, "")
	one, two := r.watched(ann, ""), r.watched(ann, "")
	for _, page := range []*tab{one, two} {
		page.enterIn("login", "ann")
		page.until(online)
	}
	one.enterIn("note", "first")
	one.listed("first")
	two.listed("first")

	end(r.server)
	r.start()
	two.until("addresses.length > 1")
	for _, page := range []*tab{one, two} {
		page.listed("") // the notes were in the server's memory
		page.until(online)
	}
	two.enterIn("note", "second")
	one.listed("second")
	two.listed("second")
	two.visit("http://" + r.page)
	two.listed("second")
	two.until(online)
	one.tokenless()
	one.clean("WebSocket", "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "426", "401")
}

func TestPageOfAnotherOriginUsesAStreamWithItsToken(t *testing.T) {
	t.Parallel()
	r := startCrossOrigin(t)
	page := r.watched(newPerson(t, ""), `throw new Error("blocked")`)
	page.enterIn("login", "ann")
	page.until(online)
	page.enterIn("note", "first")
	page.listed("first")

	end(r.server)
	r.start()
	page.listed("")
	page.until(online)
	page.enterIn("note", "second")
	page.listed("second")
	page.tokenless()
	page.clean("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_INCOMPLETE_CHUNKED_ENCODING", "426", "401")
}

// The connection outlives the token that it began with, and whose renewal is due after half of its
// life: a browser on a busy machine has that long for a step.
func TestPageOfAnotherOriginRenewsItsLoginWithoutAReconnect(t *testing.T) {
	t.Parallel()
	for _, transport := range []struct{ name, script string }{{"WebSocket", ""}, {"stream", `throw new Error("blocked")`}} {
		t.Run(transport.name, func(t *testing.T) {
			t.Parallel()
			r := startCrossOrigin(t, "-life", "16s")
			page := r.watched(newPerson(t, ""), transport.script)
			page.enterIn("login", "ann")
			page.until(online)
			const connections = `performance.getEntriesByType("resource").filter(({ name }) => /ticket$/.test(name)).length`
			before := value[int](page, connections)
			page.until(`performance.getEntriesByType("resource").filter(({ name }) => /session$/.test(name)).length >= 3`)
			page.enterIn("note", "later")
			page.listed("later")
			if got := value[int](page, connections); got != before {
				t.Errorf("the page got %d tickets, want %d: one for its only connection", got, before)
			}
			page.clean()
		})
	}
}

func TestLogoutOnAnotherOriginEndsTheTabsOfTheSessionAtOnceAndNoOthers(t *testing.T) {
	t.Parallel()
	r := startCrossOrigin(t)
	page, elsewhere := r.watched(newPerson(t, ""), ""), r.watched(newPerson(t, ""), "")
	for _, one := range []*tab{page, elsewhere} {
		one.enterIn("login", "ann")
		one.until(online)
	}
	page.run(`window.old = true; document.querySelector("#logout").click()`)
	page.until(`!window.old && document.querySelector("main").hidden && !sessionStorage.login`)
	elsewhere.enterIn("note", "still here")
	elsewhere.listed("still here")
	page.clean()
	elsewhere.clean()
}

// The other tests are in Chromium.
func TestOtherBrowsersConnectWithATokenAndRenewTheirLogin(t *testing.T) {
	t.Parallel()
	r := startCrossOrigin(t, "-life", "16s")
	for _, b := range browsers[1:] {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			page := b.open(t)("http://" + r.page)
			page.until(`document.querySelector("#login")?.onsubmit`)
			page.run(fmt.Sprintf(`document.querySelector("[name=name]").value = %q; document.querySelector("#login").requestSubmit()`, b.name))
			page.until(online)
			page.until(`performance.getEntriesByType("resource").filter(({ name }) => /session$/.test(name)).length >= 2`)
			page.run(`document.querySelector("[name=text]").value = "later"; document.querySelector("#note").requestSubmit()`)
			page.until(`document.querySelector("li")?.textContent === "later"`)
			const all = `performance.getEntriesByType("resource").map(({ name }) => name)`
			if got := page.eval(all + `.filter((name) => name.includes("eyJ")).join()`); got != "" {
				t.Errorf("addresses contain a token: %s", got)
			}
			if got := page.eval("String(" + all + ".filter((name) => /ticket$/.test(name)).length)"); got != "1" {
				t.Errorf("the page got %s tickets, want one for its only connection", got)
			}
		})
	}
}

// The page prints what runs here.
func TestCrossOriginPageOfTheDocsIsWhatRuns(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../docs/cross-origin.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, language := range map[string]string{"main.go": "go", "page/index.html": "html", "page/main.js": "js"} {
		file, err := os.ReadFile("../example/crossorigin/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(docs), "```"+language+"\n"+string(file)+"```\n") {
			t.Errorf("docs/cross-origin.md does not print example/crossorigin/%s as it is", name)
		}
	}
}
