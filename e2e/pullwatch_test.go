package e2e

import (
	"testing"

	"github.com/echo-pull/pull"
)

const watched = `<pull-watch id="w" grant="{A}"></pull-watch><div id="elsewhere"></div>`

func TestElementWatchesAsLongAsItIsInThePage(t *testing.T) {
	t.Parallel()
	page := openHTML(t, true, watched)
	s := page.site
	page.isWatching()
	page.is(`new URL(socket.url).searchParams.getAll("watch")`, value[string](page.tab, `w.getAttribute("grant")`))
	s.hasPages("A", 1, "ann")

	page.run(`window.w = w, w.remove()`)
	s.hasPages("A", 0)
	page.is(`w.matches("[connected], [stale]")`, "false")
	page.run(`document.querySelector("main").append(w)`)
	page.isWatching()
	s.hasPages("A", 1, "ann")
	page.run(`w.setAttribute("grant", "` + s.grantFor("ann", "B") + `")`)
	page.isWatching()
	s.hasPages("A", 0)
	s.hasPages("B", 1, "ann")

	page.is("sent.length", "4") // two ends and two watches
	page.is("errors.join()", "")
	page.clean()
}

func TestElementThatMovesWatchesOn(t *testing.T) {
	t.Parallel()
	page := openHTML(t, true, watched)
	page.isWatching()
	b := page.site.grantFor("ann", "B")

	page.run(`elsewhere.append(w), w.replaceWith(w.cloneNode()), document.querySelector("main").prepend(elsewhere)`)
	page.run(`elsewhere.moveBefore?.(w, null)`)
	page.run(`document.querySelector("main").insertAdjacentHTML("beforeend", '<pull-watch grant="` + b + `"></pull-watch>')`)

	page.site.hasPages("B", 1, "ann")
	page.is(`sent.join()`, `{"watch":["`+b+`"]}`)
	page.until(`document.querySelectorAll("[connected]").length === 2`)
	page.site.hasPages("A", 1, "ann")
}

// A new grant, of a part that was fetched again, ends the state.
func TestElementIsStaleUntilItsGrantChanges(t *testing.T) {
	t.Parallel()
	page := openHTML(t, true, watched)
	page.isWatching()
	old := page.site.grantFor("ann", "B")
	page.site.send(pull.Tag("B"), 1)

	page.run(`w.setAttribute("grant", "` + old + `")`)
	page.until(`w.matches("[connected][stale]")`)
	page.is("gaps", "1")
	page.run(`w.setAttribute("grant", "` + page.site.grantFor("ann", "B") + `")`)

	page.isWatching()
	page.is("gaps", "1")
	page.is("errors.join()", "")
	page.run(`w.setAttribute("grant", "nonsense")`)
	page.until(`w.matches("[stale]:not([connected])")`)
	page.is("errors.join()", "WATCH_ERROR")
	page.run(`w.setAttribute("grant", "` + page.site.grantFor("ann", "A") + `")`)
	page.isWatching()
}

func TestElementThatMovesIsStaleAsBefore(t *testing.T) {
	t.Parallel()
	page := openHTML(t, true, watched)
	page.isWatching()
	old := page.site.grantFor("ann", "B")
	page.site.send(pull.Tag("B"), 1)
	page.run(`w.setAttribute("grant", "` + old + `")`)
	page.until(`w.matches("[connected][stale]")`)
	page.run(`BX.PULL.on("control", (command) => command === "grants" && (window.renewed = true))`)
	page.run(`dispatchEvent(new Event("offline")), dispatchEvent(new Event("online"))`)
	page.until(`window.renewed && w.matches("[connected][stale]")`) // the last answer was not gap

	for _, move := range []string{`elsewhere.append(w)`, `elsewhere.before(w)`, `elsewhere.moveBefore?.(w, null)`, `document.querySelector("main").append(elsewhere)`} {
		page.run(move)
		page.is(`w.matches("[connected][stale]")`, "true")
	}

	// As libraries store pages.
	page.run(`w.replaceWith(w.cloneNode())`)
	page.is(`w.matches("[stale]")`, "false")
	page.run(`w.setAttribute("stale", ""), document.querySelector("main").innerHTML += ""`)
	page.is(`w.matches("[stale]")`, "false")
}

func TestElementInAFragmentWatches(t *testing.T) {
	withLibraries(t, func(t *testing.T, libraries ...string) {
		t.Helper()
		page := openHTML(t, true, watched, libraries...)
		page.isWatching()
		same, b := value[string](page.tab, `w.getAttribute("grant")`), page.site.grantFor("ann", "B")

		page.render(fragment{"main", "inner", `<p>new</p><pull-watch grant="` + same + `"></pull-watch><pull-watch grant="` + b + `"></pull-watch>`, 0})

		page.site.hasPages("B", 1, "ann")
		page.site.hasPages("A", 1, "ann")
		page.is(`sent.join()`, `{"watch":["`+b+`"]}`)
		page.until(`document.querySelectorAll("[connected]:not([stale])").length === 2`)
	})
}
