package e2e

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestMarkupReactsToEvents(t *testing.T) {
	t.Parallel()
	for library, markup := range map[string]string{
		"htmx2":  `<p id="out" hx-get="/count" hx-trigger="pull:test:n from:body, pull:gap from:body"></p>`,
		"htmx4":  `<p id="out" hx-get="/count" hx-trigger="pull:test:n from:body, pull:gap from:body"></p>`,
		"alpine": `<p id="out" x-data="{ n: 0 }" x-text="n" @pull:test:n.window="n = $event.detail.params.n"></p>`,
	} {
		t.Run(library, func(t *testing.T) {
			t.Parallel()
			page := openHTML(t, false, markup, library)
			var n atomic.Int64
			page.site.get("/count", func(c echo.Context) error {
				return c.HTML(http.StatusOK, strconv.FormatInt(n.Load(), 10))
			})
			for i := range 20 {
				n.Store(int64(i) + 1)
				page.site.send(pull.User("ann"), i+1)
			}

			page.until(`document.querySelector("#out").textContent === "20"`) // the last of a burst is not lost

			if library != "alpine" {
				n.Store(21)
				page.site.restart() // the history is lost
				page.until(`document.querySelector("#out").textContent === "21"`)
			}
			page.is("errors.join()", "")
		})
	}
}

func TestLibrariesProcessFragments(t *testing.T) {
	t.Parallel()
	const button = `<button id="new" hx-get="/part" hx-target="#out">x</button>`
	const click = `document.querySelector("#new").click()`
	for name, tc := range map[string]struct {
		libraries         []string
		html, then, shows string
	}{
		"htmx 2":               {[]string{"htmx2"}, button, click, "part of the page"},
		"htmx 4":               {[]string{"htmx4"}, button, click, "part of the page"},
		"htmx 2 and Idiomorph": {[]string{"idiomorph", "htmx2"}, button, click, "part of the page"},
		"Turbo":                {[]string{"turbo"}, `<turbo-frame id="frame" src="/frame"></turbo-frame>`, ``, "from the frame"},
		"Alpine":               {[]string{"alpine"}, `<b id="new" x-data="{ text: 'by Alpine' }" x-text="text"></b>`, ``, "by Alpine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := openHTML(t, false, "", tc.libraries...)
			for _, swap := range []string{"outer", "inner", "append", "upsert", "morph"} {
				page.show(`<div id="a"></div><p id="out"></p>`)
				html := tc.html
				if swap == "outer" || swap == "morph" {
					html = `<div id="a">` + html + `</div>`
				}
				page.render(fragment{"#a", swap, html, 0})
				page.run(tc.then)
				page.until(`document.querySelector("main").innerText.includes("` + tc.shows + `")`)
			}
			page.is("errors.join()", "")
		})
	}
}
