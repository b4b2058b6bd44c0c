package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// everyPage opens each page of the example with everything it can show, and with
// the longest names and texts that a form accepts, without spaces to break at.
func everyPage(t *testing.T) map[string]*tab {
	t.Helper()
	e := startExample(t, "--grace", "100ms")
	name, text := strings.Repeat("W", 40), strings.Repeat("W", 200)
	open := func(name, path string) *tab {
		page := newPerson(t, name).open(t, e.url+path)
		page.screen(1280, "light") // first, because it stops all animations
		return page
	}
	admin, phone, list := open("root", "/admin"), open(name, "/m"), open("ann", "/")
	leaving := open(name+"!", "/")
	for _, page := range []*tab{admin, phone, list, leaving} {
		page.connected()
	}
	list.submit("/tasks", "title", text)
	list.shows("#tasks .title", text)
	list.submit("/tasks", "title", "milk")
	list.shows("#tasks .title", "milk")
	list.run(`document.querySelector("#tasks [name=done]").click()`)
	task := open(name, value[string](list, `document.querySelector(".task a").getAttribute("href")`))
	task.connected()
	task.submit("/say", "text", text)
	for _, page := range []*tab{admin, phone, list} {
		page.choose(name)
		page.submit("/say", "text", text)
		page.shows(".personal span", text)
		page.run(`toast(document.querySelector(".personal").textContent, "error")`)
		page.choose(name + "!")
	}
	leaving.close()
	for _, page := range []*tab{admin, phone, list} {
		page.until(`document.getElementById("left").textContent`)
	}
	phone.shows("#messages i", "to you")
	task.shows("#messages span", text)
	admin.shows("#audit span", text+" ✓")
	return map[string]*tab{
		"login": open("", "/"), "404": open("ann", "/nowhere"),
		"/": list, "/m": phone, "/admin": admin, "/tasks/:id": task,
	}
}

// screen shows the page on a screen of that width, in a light or a dark scheme,
// with reduced motion.
func (p *tab) screen(width int64, scheme string) {
	p.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	p.must(chromedp.EmulateViewport(width, 800), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, media)
		return err
	}))
}

func TestNothingIsWiderThanASmallScreen(t *testing.T) {
	t.Parallel()
	for name, page := range everyPage(t) {
		for _, width := range []int64{320, 360} {
			page.screen(width, "light")
			for _, wide := range value[[]string](page, `[...document.querySelectorAll("*")].filter((one) =>
				(one.clientWidth && one.scrollWidth > one.clientWidth) || one.getBoundingClientRect().right > innerWidth
			).map((one) => one.outerHTML.slice(0, 100) + " " + one.scrollWidth + " in " + one.clientWidth)`) {
				t.Errorf("%s, %d px wide: overflow in %s", name, width, wide)
			}
			if got := value[int64](page, "innerWidth"); got != width {
				t.Errorf("%s: %d px wide, want %d", name, got, width)
			}
		}
	}
}
