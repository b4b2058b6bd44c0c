package e2e

import (
	"testing"

	"github.com/labstack/echo/v4"
)

// withLibraries runs a test on pages with each library that changes pages.
func withLibraries(t *testing.T, run func(*testing.T, ...string)) {
	t.Helper()
	t.Parallel()
	for name, libraries := range map[string][]string{
		"none": nil, "htmx 2": {"htmx2"}, "htmx 4": {"htmx4"}, "Turbo": {"turbo"}, "Idiomorph": {"idiomorph"}, "Alpine": {"alpine"},
		"htmx 2 and Idiomorph": {"idiomorph", "htmx2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, libraries...)
		})
	}
}

func TestSwapsChangeThePage(t *testing.T) {
	const list = `<ul id="list"><li id="a">a</li><li id="b">b</li></ul>`
	withLibraries(t, func(t *testing.T, libraries ...string) {
		page := openHTML(t, true, list, libraries...)
		for _, tc := range []struct {
			name, want string
			fragments  []fragment
		}{
			{"outer", `<ul id="list"><li id="a">A</li><li id="b">b</li></ul>`, []fragment{{selector: "#a", swap: "outer", html: `<li id="a">A</li>`}}},
			{"inner", `<ul id="list"><li id="a"><b>A</b></li><li id="b">b</li></ul>`, []fragment{{selector: "#a", swap: "inner", html: `<b>A</b>`}}},
			{"before", `<ul id="list"><li id="a">a</li><li id="c">c</li><li id="b">b</li></ul>`, []fragment{{selector: "#b", swap: "before", html: `<li id="c">c</li>`}}},
			{"prepend", `<ul id="list"><li id="c">c</li><li id="a">a</li><li id="b">b</li></ul>`, []fragment{{selector: "#list", swap: "prepend", html: `<li id="c">c</li>`}}},
			{"append", `<ul id="list"><li id="a">a</li><li id="b">b</li><li id="c">c</li></ul>`, []fragment{{selector: "#list", swap: "append", html: `<li id="c">c</li>`}}},
			{"after", `<ul id="list"><li id="a">a</li><li id="c">c</li><li id="b">b</li></ul>`, []fragment{{selector: "#a", swap: "after", html: `<li id="c">c</li>`}}},
			{"delete", `<ul id="list"><li id="b">b</li></ul>`, []fragment{{selector: "#a", swap: "delete"}}},
			{"morph", `<ul id="list"><li id="a" title="t">A</li><li id="b">b</li></ul>`, []fragment{{selector: "#a", swap: "morph", html: `<li id="a" title="t">A</li>`}}},
			{"upsert of one that is there", `<ul id="list"><li id="a">A</li><li id="b">b</li></ul>`, []fragment{{selector: "#list", swap: "upsert", html: `<li id="a">A</li>`}}},
			{"upsert of one that is not", `<ul id="list"><li id="a">a</li><li id="b">b</li><li id="c">c</li></ul>`, []fragment{{selector: "#list", swap: "upsert", html: `<li id="c">c</li>`}}},
			{"several targets", `<ul id="list"><li id="a">x</li><li id="b">x</li></ul>`, []fragment{{selector: "#list li", swap: "inner", html: `x`}}},
			{"morph into several", `<ul id="list"><li id="a">A</li><li id="c">c</li><li id="b">b</li></ul>`, []fragment{{selector: "#a", swap: "morph", html: `<li id="a">A</li><li id="c">c</li>`}}},
			{"several elements", `<ul id="list"><li id="a">A</li><li id="b">b</li><li id="c">c</li></ul>`, []fragment{{selector: "#list", swap: "append", html: `<li id="a">A</li><li id="c">c</li>`}}},
			{"twice", `<ul id="list"><li id="a">a</li><li id="b">b</li><li id="c">c</li></ul>`, []fragment{{selector: "#list", swap: "append", html: `<li id="c">c</li>`}, {selector: "#list", swap: "append", html: `<li id="c">c</li>`}}},
			{"in order", `<ul id="list"><li id="a">3</li><li id="b">b</li></ul>`, []fragment{{selector: "#a", swap: "morph", html: `<li id="a">1</li>`}, {selector: "#a", swap: "outer", html: `<li id="a">2</li>`}, {selector: "#a", swap: "inner", html: `3`}}},
			{"an element that is missing", list, []fragment{{selector: "#none", swap: "outer", html: `<li>x</li>`}}},
			{"a parent that is missing", `<ul id="list"><li id="a">A</li><li id="b">b</li></ul>`, []fragment{{selector: "#none", swap: "upsert", html: `<li id="a">A</li>`}}},
		} {
			page.show(list)

			page.render(tc.fragments...)

			if page.shows(tc.want); t.Failed() {
				t.Fatalf("the swap was %s", tc.name)
			}
		}
		page.is("errors.join()", "")
		page.clean()
	})
}

func TestOlderFragmentNeverOverwritesANewerOne(t *testing.T) {
	withLibraries(t, func(t *testing.T, libraries ...string) {
		const list, newer = `<ul><li id="a" data-pull-version="5">5</li></ul>`, `<ul><li id="a" data-pull-version="6">6</li></ul>`
		page := openHTML(t, true, list, libraries...)
		for _, swap := range []string{"outer", "morph", "upsert", "append", "before"} {
			selector := map[string]string{"outer": "#a", "morph": "#a", "before": "#a"}[swap]
			if selector == "" {
				selector = "ul"
			}
			page.show(list)
			page.render(fragment{selector, swap, `<li id="a">4</li>`, 4}, fragment{selector, swap, `<li id="a" data-pull-version="3">3</li>`, 0})
			page.shows(list)
			page.render(fragment{selector, swap, `<li id="a">6</li>`, 6})
			page.shows(newer)
			page.render(fragment{selector, swap, `<li id="a">5</li>`, 5})
			page.shows(newer)
			page.render(fragment{selector, swap, `<li id="a">any</li>`, 0}, fragment{selector, swap, `<li id="a">5</li>`, 5})
			page.shows(`<ul><li id="a" data-pull-version="6">any</li></ul>`)
		}

		page.show(list)
		page.render(fragment{"#a", "inner", "7", 7}, fragment{"#a", "inner", "6", 6}, fragment{"#a", "delete", "", 6})
		page.shows(`<ul><li id="a" data-pull-version="7">7</li></ul>`)

		page.render(fragment{"#a", "delete", "", 8}, fragment{"ul", "upsert", `<li id="a">7</li>`, 7})
		page.shows(`<ul></ul>`)
		page.render(fragment{"#new", "delete", "", 2}, fragment{"ul", "append", `<li id="new">1</li>`, 1})
		page.shows(`<ul></ul>`)
		page.render(fragment{"ul", "append", `<li id="a">9</li>`, 9})
		page.shows(`<ul><li id="a" data-pull-version="9">9</li></ul>`)
	})
}

func TestFragmentOfAListOverwritesNoNewerRow(t *testing.T) {
	const (
		row  = `<li id="a" data-pull-version="5"><input name="a"></li>`
		list = `<ul id="list">` + row + `<li id="b" data-pull-version="5">5</li><li id="c" data-pull-version="5">5</li></ul>`
		next = `<li id="a" data-pull-version="4">4</li><li id="b" data-pull-version="6">6</li><li id="c">any</li><li id="d" data-pull-version="3">3</li>`
		want = row + `<li id="b" data-pull-version="6">6</li><li id="c" data-pull-version="5">any</li></ul>`
	)
	withLibraries(t, func(t *testing.T, libraries ...string) {
		page := openHTML(t, true, "", libraries...)
		page.render(fragment{"#d", "delete", "", 4})
		for _, swap := range []string{"outer", "inner", "morph", "upsert"} {
			for _, version := range []int64{0, 1} {
				page.show(list)
				page.run(`window.before = a, document.querySelector("[name=a]").value = "typed", document.querySelector("[name=a]").focus()`)
				selector, html, shown := "#list", next, `<ul id="list">`
				if swap != "inner" {
					html = `<ul id="list">` + next + `</ul>`
				}
				if swap == "upsert" {
					selector = "main"
				}
				if version != 0 {
					shown = `<ul id="list" data-pull-version="1">`
				}

				page.render(fragment{selector, swap, html, version})

				page.shows(shown + want)
				page.is(`[before === a, document.activeElement.name, document.activeElement.value, errors]`, "true,a,typed,")
				if t.Failed() {
					t.Fatalf("the swap was %s with version %d", swap, version)
				}
			}
		}
	})
}

func TestFragmentDoublesNoNewerRowOfAnotherList(t *testing.T) {
	withLibraries(t, func(t *testing.T, libraries ...string) {
		const done, older = `<ul id="done"><li id="a" data-pull-version="5">5</li></ul>`, `<li id="a" data-pull-version="4">4</li>`
		page := openHTML(t, true, "", libraries...)
		page.show(`<ul id="open"></ul>` + done)
		page.render(fragment{"#open", "inner", older, 0}, fragment{"#open", "append", `<li id="group"><ol>` + older + `</ol></li>`, 0})
		page.shows(`<ul id="open"><li id="group"><ol></ol></li></ul>` + done)
		page.is("errors.join()", "")
	})
}

func TestWhatTheUserDoesSurvivesAFragment(t *testing.T) {
	const form = `<form id="form"><p>old</p><input name="title" value="given"><textarea name="text">given</textarea><input type="checkbox" name="done">
		<select name="state"><option>one<option>two</select><details><summary>more</summary>text</details><button>save</button>
		<div id="log" style="height:20px;overflow:auto"><div style="height:200px"></div></div><input id="untouched" value="before">
		<div id="player" data-pull-permanent>playing</div></form>`
	const next = `<form id="form"><p>new</p><input name="title" value="changed"><textarea name="text">changed</textarea><input type="checkbox" name="done">
		<select name="state"><option>one<option>two</select><details><summary>more</summary>text</details><button>save</button>
		<div id="log" style="height:20px;overflow:auto"><div style="height:200px"></div></div><input id="untouched" value="after">
		<div id="player" data-pull-permanent>new</div></form>`
	withLibraries(t, func(t *testing.T, libraries ...string) {
		page := openHTML(t, false, form, libraries...)
		for _, swap := range []string{"outer", "inner", "morph", "upsert"} {
			page.show(form)
			page.run(`{
				const of = (name) => document.querySelector("[name=" + name + "]")
				of("text").value = "typed", of("done").checked = true, of("state").value = "two"
				document.querySelector("details").open = true
				document.querySelector("#log").scrollTop = 50
				window.player = document.querySelector("#player")
				of("title").focus(), of("title").value = "typed text", of("title").setSelectionRange(2, 5, "backward")
			}`)
			html := next
			selector := "#form"
			if swap == "upsert" {
				selector = "main"
			}
			if swap == "inner" {
				html = value[string](page.tab, "new DOMParser().parseFromString("+quoted(next)+", 'text/html').forms[0].innerHTML")
			}

			page.render(fragment{selector, swap, html, 0})

			page.is(`document.querySelector("p").textContent`, "new")
			for _, name := range []string{"title", "text"} {
				page.is(`document.querySelector("[name=`+name+`]").value`, map[string]string{"title": "typed text", "text": "typed"}[name])
			}
			page.is(`[document.querySelector("[name=done]").checked, document.querySelector("[name=state]").value, document.querySelector("details").open]`, "true,two,true")
			page.is(`document.activeElement.name + [document.activeElement.selectionStart, document.activeElement.selectionEnd, document.activeElement.selectionDirection]`, "title2,5,backward")
			page.is(`document.querySelector("#log").scrollTop`, "50")
			page.is(`document.querySelector("#untouched").value`, "after")
			page.is(`document.querySelector("#player") === player && player.textContent`, "playing")
			if t.Failed() {
				t.Fatalf("the swap was %s", swap)
			}
		}
	})
}

func TestFragmentsRunNoScript(t *testing.T) {
	const html = `<div id="a">new<script>ran.push("script")</script><template><script>ran.push("template")</script></template>
		<img src="data:," onerror="ran.push('error')"><svg onload="ran.push('svg')"><script>ran.push("svg script")</script></svg>
		<iframe srcdoc="<script>parent.ran.push('srcdoc')</script>"></iframe><iframe src="java&#10;script:parent.ran.push('frame')"></iframe>
		<script src="/lib/ran"></script></div>`
	withLibraries(t, func(t *testing.T, libraries ...string) {
		page := openHTML(t, false, `<div id="a"></div>`, libraries...)
		page.site.get("/lib/ran", func(c echo.Context) error { return c.Blob(200, "text/javascript", []byte("ran.push('file')")) })
		page.run("window.ran = []")
		for _, swap := range []string{"outer", "inner", "morph", "append", "upsert", "before"} {
			page.show(`<div id="a"></div>`)
			page.render(fragment{"#a", swap, html, 0})
		}
		page.until(`[...document.images].every((image) => image.complete)`)
		page.run(`new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50)))`)
		page.is("ran.join()", "")
		page.is(`document.querySelectorAll("script script, main script, [onerror], [srcdoc]").length`, "0")
		page.is("errors.join()", "")
	})
}

func TestRowsShapesAndCustomElementsAreWhatTheyAre(t *testing.T) {
	withLibraries(t, func(t *testing.T, libraries ...string) {
		page := openHTML(t, true, `<table><tbody id="rows"><tr id="r1"><td>1</td></tr></tbody></table>
			<svg id="svg" viewBox="0 0 9 9"><circle id="dot" r="1"></circle></svg>`, libraries...)
		page.run(`customElements.define("x-made", class extends HTMLElement { connectedCallback() { this.textContent = "made" } })`)

		page.render(fragment{"#rows", "append", `<tr id="r2"><td>2</td></tr>`, 0}, fragment{"#r1", "outer", `<tr id="r1"><td>one</td></tr>`, 0},
			fragment{"#svg", "append", `<circle id="second" r="2"/>`, 0}, fragment{"#dot", "outer", `<rect id="dot" width="3"/>`, 0},
			fragment{"main", "append", `<x-made id="made"></x-made>`, 0})

		for range 2 {
			page.render(fragment{"#svg", "append", `<circle id="third" r="3"/><circle id="fourth" r="4"/>`, 0})
		}

		page.is(`[...document.querySelector("#svg").children].map((shape) => shape.id + shape.children.length)`, "dot0,second0,third0,fourth0")
		page.is(`[...document.querySelectorAll("#rows > tr > td")].map((cell) => cell.textContent)`, "one,2")
		page.is(`[document.querySelector("#second"), document.querySelector("#dot")].map((shape) => shape.constructor.name)`, "SVGCircleElement,SVGRectElement")
		page.is(`document.querySelector("#made").textContent`, "made")
	})
}

func TestFragmentThatCannotBeAppliedStopsNoOther(t *testing.T) {
	t.Parallel()
	page := openHTML(t, true, `<p id="a">a</p>`)
	page.deliver(1e6, fragment{"#a:nonsense(", "outer", "x", 0})
	page.deliver(1e6+1, fragment{"#a", "explode", "x", 0})
	page.deliver(1e6+2, fragment{"#a", "inner", "new", 0})
	page.shows(`<p id="a">new</p>`)
	page.is("errors.join()", "RENDER_ERROR,RENDER_ERROR")
}

func TestFragmentsWaitWhileTextIsComposed(t *testing.T) {
	t.Parallel()
	page := openHTML(t, true, `<p id="a">a</p><input id="field">`)
	page.run(`field.focus(), field.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }))`)
	page.render(fragment{"#a", "inner", "1", 0}, fragment{"#a", "append", "2", 0})
	page.shows(`<p id="a">a</p><input id="field">`)
	page.run(`field.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true }))`)
	page.until(`a.textContent === "12"`)
}

func TestFragmentThatWaitsIsNotShownToAnotherUser(t *testing.T) {
	t.Parallel()
	page := openHTML(t, true, `<p id="a">a</p><input id="field">`)
	page.run(`field.focus(), field.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }))`)
	page.render(fragment{"#a", "inner", "Ann's", 0})
	page.run(`BX.PULL[Symbol.for("echo-pull")]({ user: "bob" })`)
	page.run(`field.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true }))`)
	page.run(`new Promise((resolve) => setTimeout(resolve, 50))`)
	page.is("a.textContent", "a")
}

func TestNewContentDoesNotTakeTheFocus(t *testing.T) {
	withLibraries(t, func(t *testing.T, libraries ...string) {
		page := openHTML(t, true, `<input id="mine"><p id="a"></p>`, libraries...)
		page.run(`mine.focus()`)
		page.render(fragment{"#a", "inner", `<input id="theirs" autofocus>`, 0})
		page.is("document.activeElement.id", "mine")
	})
}
