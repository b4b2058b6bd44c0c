package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/echo-pull/pull"
)

// longName is a name of a user or a tag that cannot be broken between words.
const longName = "Wolfeschlegelsteinhausenbergerdorff_Wolfeschlegelsteinhausenbergerdorff_Wolfeschlegelsteinhausenbergerdorff"

// inspectorPages are the pages in all their states. The offset is that of an event with
// long names.
var inspectorPages = []string{
	"", "/nothing",
	"/user", "/user?id=42", "/user?id=7", "/user?id=13", "/user?id=" + longName, "/user?id=nobody", "/user?id=",
	"/message", "/message?offset=%d", "/message?offset=99999999", "/message?offset=x",
	"/why", "/why?user=42", "/why?user=42&part=nothing", "/why?user=&part=" + longName,
	"/why?user=42&offset=%d", "/why?user=7&offset=%d", "/why?user=" + longName + "&offset=%d", "/why?user=42&offset=99999999", "/why?user=42&offset=x",
}

func TestInspectorShutsNobodyOut(t *testing.T) {
	t.Parallel()
	source := axe(t)
	o := newOffice(t)
	o.opens()
	for n := range 6 {
		o.works(n)
	}
	if err := o.current().Watch().Add(longName, longName); err != nil {
		t.Fatal(err)
	}
	err := o.current().Send(t.Context(), pull.Tag(longName).Or(pull.User(longName, "7")).Except("42"), pull.Event{
		Module: "tasks", Command: strings.Repeat("longer.", 8), Params: longName,
	})
	if err != nil {
		t.Fatal(err)
	}
	root := o.inspect("")
	offset := value[int](root, `Number(document.querySelector("tbody a").innerText)`)
	for _, path := range inspectorPages {
		if strings.Contains(path, "%d") {
			path = fmt.Sprintf(path, offset)
		}
		root.visit(o.url + "/admin/pull" + path)
		root.run(source)
		root.findsNothing(path)
		if path == "" {
			root.run(`document.querySelector("#pause").click()`)
			root.findsNothing("the paused overview")
		}
	}
	root.clean("404")
}

func TestInspectorThatIsNotLiveShutsNobodyOut(t *testing.T) {
	t.Parallel()
	source := axe(t)
	s := newSite(t, func(c *pull.Config) { c.PublicPath = "/:tenant/pull" })
	root := s.inspect("")
	root.until(`document.querySelector(".title").innerText.includes("Not live")`)
	root.run(source)
	root.findsNothing("the overview of an empty node that is not live")
	root.clean()
}

// rules are what axe looks for: a scheme has its own colors, and nothing else.
var rules = map[string]string{"light": "", "dark": `{ runOnly: ["color-contrast"] }`}

// findsNothing fails if axe finds a violation, or if the page, or a table on it, is wider
// than the screen.
func (p *tab) findsNothing(what string) {
	p.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 390} {
			p.screen(width, scheme)
			p.run(`axe.run(` + rules[scheme] + `).then(({ violations }) => {
				window.violations = violations.map(({ id, help, nodes }) => id + ": " + help + ": " + nodes.map((node) => node.html + " " + node.failureSummary).join("; "))
			})`)
			if found := value[[]string](p, "violations"); len(found) > 0 {
				p.Errorf("%q, %s, %d px wide:\n%s", what, scheme, width, strings.Join(found, "\n"))
			}
		}
	}
	for _, width := range []int64{1280, 640, 390, 320} {
		p.screen(width, "light")
		for _, wide := range value[[]string](p, `[document.documentElement, ...document.querySelectorAll("main *")]
			.filter((one) => one.clientWidth > 1 && one.scrollWidth > one.clientWidth && one.tagName !== "INPUT")
			.map((one) => one.outerHTML.slice(0, 100) + " " + one.scrollWidth + " in " + one.clientWidth)`) {
			p.Errorf("%q, %d px wide: overflow in %s", what, width, wide)
		}
	}
}
