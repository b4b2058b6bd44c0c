package e2e

import "testing"

// withHTMX runs a test on pages whose markup is parsed once, and on those where a library
// parses it again.
func withHTMX(t *testing.T, run func(*testing.T, ...string)) {
	t.Helper()
	t.Parallel()
	for name, libraries := range map[string][]string{"none": nil, "htmx 2": {"htmx2"}, "htmx 4": {"htmx4"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, libraries...)
		})
	}
}

func TestFragmentsRunNoScriptByATrick(t *testing.T) {
	tricks := map[string]string{
		"fields that hide the attributes of their form":   `<form tabindex="0" onfocus="ran.push(1)"><input name="attributes"><input name="attributes"></form>`,
		"text that is an element when it is parsed again": `<math><mtext><table><mglyph><style><img src="data:," onerror="ran.push(2)"></style></table></mtext></math>`,
		"an address that an animation brings":             `<svg><a><animate attributeName="href" values="#;java&#9;script:ran.push(3)" fill="freeze" dur="1ms"/><text y="9">x</text></a></svg>`,
		"a handler of an animation":                       `<svg><animate onbegin="ran.push(4)" attributeName="x" dur="1s"/></svg>`,
		"a shadow root":                                   `<p><template shadowrootmode="open"><img src="data:," onerror="ran.push(5)"></template></p>`,
		"a template in a shape":                           `<svg><template><img src="data:," onerror="ran.push(6)"></template></svg>`,
		"another address of the page":                     `<base href="//elsewhere.invalid/">`,
		"another page":                                    `<meta http-equiv="refresh" content="0;url=/html#moved">`,
	}
	withHTMX(t, func(t *testing.T, libraries ...string) {
		page := openHTML(t, false, "", libraries...)
		page.run("window.ran = []")
		for trick, html := range tricks {
			for _, swap := range []string{"outer", "inner", "morph", "append", "upsert"} {
				page.show(`<div id="a"></div>`)
				page.render(fragment{"#a", swap, `<div id="new">new` + html + `</div>`, 0})
				page.run(`new Promise((resolve) => setTimeout(resolve, 20))`)
				page.run(`document.querySelector("form")?.focus(), document.querySelector("svg a")?.dispatchEvent(new MouseEvent("click", { bubbles: true }))`)
				page.run(`new Promise((resolve) => setTimeout(resolve, 5))`)
				page.is(`document.querySelector("#new").textContent.startsWith("new")`, "true")
				page.is(`[ran, errors, document.querySelectorAll("base").length, location.hash].join("|")`, "||0|")
				if t.Failed() {
					t.Fatalf("the trick was %s, the swap %s", trick, swap)
				}
			}
		}
	})
}

// A form has a property with the name of each of its fields. htmx can take only some of them.
func TestFormWhoseFieldsHaveTheNamesOfPropertiesIsAnElementLikeAnyOther(t *testing.T) {
	withHTMX(t, func(t *testing.T, libraries ...string) {
		fields := `<input name="id"><input name="value"><input name="type">`
		if len(libraries) == 0 {
			fields += `<input name="remove"><input name="replaceWith"><input name="attributes"><input name="children">`
		}
		form := `<form id="f" data-pull-version="2">` + fields + `</form>`
		page := openHTML(t, true, `<div id="list">`+form+`</div>`, libraries...)
		page.render(fragment{"#list", "upsert", form, 1}, fragment{"#list", "append", form, 0}, fragment{"#f", "outer", form, 2})
		page.shows(`<div id="list">` + form + `</div>`)
		page.render(fragment{"#f", "delete", "", 3}, fragment{"#list", "append", form, 1})
		page.shows(`<div id="list"></div>`)
		page.is("errors.join()", "")
	})
}

func TestFormWithAFieldNamedBeforeHasSomethingBeforeIt(t *testing.T) {
	t.Parallel()
	page := openHTML(t, true, `<form id="f"><input name="before"></form>`)
	page.render(fragment{"#f", "before", `<p>x</p>`, 0})
	page.shows(`<p>x</p><form id="f"><input name="before"></form>`)
}

func TestFieldThatBecomesSomethingElseStopsNothing(t *testing.T) {
	withHTMX(t, func(t *testing.T, libraries ...string) {
		page := openHTML(t, true, "", libraries...)
		for _, next := range []string{`<b id="t">x</b>`, `<input id="t" type="number">`, `<input id="t" type="file">`, `<li id="t"></li>`} {
			page.show(`<div id="a"><input id="t" value="given"><input id="other" value="given"></div>`)
			page.run(`t.focus(), t.value = "typed", other.value = "typed"`)
			page.render(fragment{"#a", "inner", next + `<input id="other" value="given">`, 0})
			page.is(`[t.value, other.value, errors]`, map[byte]string{'b': ",typed,", 'i': ",typed,", 'l': "0,typed,"}[next[1]])
		}
	})
}

func TestUntouchedFieldShowsWhatTheServerRenders(t *testing.T) {
	t.Parallel()
	page := openHTML(t, true, `<div id="a"><input id="range" type="range"><input id="color" type="color"><input id="mail" type="email" value=" a@b.c ">
		<input id="box" type="checkbox"><input id="moved" type="range"></div>`)
	page.run(`moved.value = 10`)
	page.render(fragment{"#a", "inner", `<input id="range" type="range" value="70"><input id="color" type="color" value="#ff0000"><input id="mail" type="email" value="d@e.f">
		<input id="box" type="checkbox" value="7"><input id="moved" type="range" value="70">`, 0})
	page.is(`[range.value, color.value, mail.value, box.value, moved.value]`, "70,#ff0000,d@e.f,7,10")
}

func TestFirstOptionThatTheUserHasChosenInAGroupSurvives(t *testing.T) {
	t.Parallel()
	const list = `<select id="s"><optgroup label="1"><option>one</optgroup><optgroup label="2"><option selected>two</optgroup></select>`
	page := openHTML(t, true, list)
	page.run(`s.value = "one"`)
	page.render(fragment{"#s", "outer", list, 0})
	page.is(`s.value`, "one")
}

func TestWhatAPageKeepsIsNotLoadedAgainByAnAddition(t *testing.T) {
	withLibraries(t, func(t *testing.T, libraries ...string) {
		page := openHTML(t, false, `<div id="a"><iframe id="kept" data-pull-permanent src="/part"></iframe></div>`, libraries...)
		page.until(`kept.contentDocument?.querySelector("#part")`)
		page.run(`kept.contentWindow.mine = true`)
		page.render(fragment{"#a", "append", `<p id="p">x</p>`, 0}, fragment{"#a", "before", `<p>x</p>`, 0})
		page.is(`kept.contentWindow.mine`, "true")
		page.is("errors.join()", "")
	})
}

func TestAdditionToALongListLooksAtTheAdditionOnly(t *testing.T) {
	withHTMX(t, func(t *testing.T, libraries ...string) {
		page := openHTML(t, true, `<table><tbody id="rows"></tbody></table>`, libraries...)
		page.run(`rows.innerHTML = "<tr><td>1<td>2<td>3</tr>".repeat(10_000), document.body.offsetTop`)
		page.run(`next = 1e6; took = (swap, html) => {
			const start = performance.now()
			socket.onmessage({ data: JSON.stringify([[next++, Date.now(), "pull:render", { selector: "#rows", swap, html }]]) })
			return performance.now() - start
		}`)
		addition := value[float64](page.tab, `took("append", "<tr id=last><td>x")`)
		page.is(`last.textContent`, "x")
		if whole := value[float64](page.tab, `took("inner", rows.innerHTML)`); addition > whole/10 {
			t.Errorf("an addition to 10,000 rows took %.0f ms, and the whole list %.0f ms", addition, whole)
		} else {
			t.Logf("an addition to 10,000 rows took %.1f ms, and the whole list %.0f ms", addition, whole)
		}
	})
}
