package e2e

import "testing"

const watched = `<pull-watch id="w" grant="A"></pull-watch><div id="elsewhere"></div>`

// answer delivers the server's answer to a grant.
func (p *htmlPage) answer(grant, state string) {
	p.Helper()
	p.run(`say({ module_id: "pull", command: "grants", params: { ` + grant + `: { state: "` + state + `" } } })`)
}

func TestElementWatchesAsLongAsItIsInThePage(t *testing.T) {
	t.Parallel()
	page := openHTML(t, true, watched)
	page.is(`new URL(socket.url).searchParams.getAll("watch")`, "A")
	page.is(`w.matches("[connected], [stale]")`, "false")

	page.answer("A", "ok")

	page.is(`w.matches("[connected]:not([stale])")`, "true")
	page.run(`window.w = w, w.remove()`)
	page.until(`sent.length`)
	page.is(`sent.join()`, `{"unwatch":["A"]}`)
	page.run(`sent.length = 0, document.querySelector("main").append(w)`)
	page.until(`sent.length`)
	page.is(`sent.join()`, `{"watch":["A"]}`)
	page.run(`sent.length = 0, w.setAttribute("grant", "B")`)
	page.until(`sent.length === 2`)
	page.is(`sent.join()`, `{"unwatch":["A"]},{"watch":["B"]}`)
	page.is("errors.join()", "")
	page.clean()
}

func TestElementThatMovesWatchesOn(t *testing.T) {
	t.Parallel()
	page := openHTML(t, true, watched)
	page.answer("A", "ok")

	page.run(`elsewhere.append(w), w.replaceWith(w.cloneNode()), document.querySelector("main").prepend(elsewhere)`)
	page.run(`elsewhere.moveBefore?.(w, null)`)
	page.run(`document.querySelector("main").insertAdjacentHTML("beforeend", '<pull-watch grant="B"></pull-watch>')`)

	page.until(`sent.length`)
	page.is(`sent.join()`, `{"watch":["B"]}`)
	page.is(`document.querySelector("[grant=A]").matches("[connected]")`, "true")
}

func TestElementShowsThatThePageIsStale(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"gap", "expired"} {
		page := openHTML(t, true, watched)
		page.answer("A", state)
		page.is(`w.matches("[stale]")`, "true")
		page.is(`w.matches("[connected]")`, map[string]string{"gap": "true", "expired": "false"}[state])
		page.is(`gaps`, map[string]string{"gap": "1", "expired": "0"}[state])
		page.run(`w.setAttribute("grant", "B")`)
		page.answer("B", "ok")
		page.is(`w.matches("[connected]:not([stale])")`, "true")
		page.is("errors.join()", map[string]string{"gap": "", "expired": "WATCH_ERROR"}[state])
	}
}

func TestElementInAFragmentWatches(t *testing.T) {
	withLibraries(t, func(t *testing.T, libraries ...string) {
		page := openHTML(t, true, watched, libraries...)
		page.answer("A", "ok")
		page.render(fragment{"main", "inner", `<p>new</p><pull-watch grant="A"></pull-watch><pull-watch grant="B"></pull-watch>`, 0})
		page.until(`sent.length`)
		page.is(`sent.join()`, `{"watch":["B"]}`)
	})
}
