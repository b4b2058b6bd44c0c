package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
)

// inHtmx runs a test with both versions of htmx.
func inHtmx(t *testing.T, run func(t *testing.T, page string)) {
	for _, version := range []string{"2.0.11", "4.0.1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			run(t, "/?htmx="+version)
		})
	}
}

const formType = "application/x-www-form-urlencoded"

// submitTask sends the form for a new task.
func (p *tab) submitTask(title string) {
	p.Helper()
	p.run(fmt.Sprintf(`{
		const field = document.querySelector("[placeholder]")
		field.value = %q
		field.form.requestSubmit()
	}`, title))
}

// titles is an expression: the titles of the tasks, each with a plus if it is done.
const titles = `[...document.querySelectorAll("#tasks li")].map((row) =>
	row.querySelector("[name=title]").value + (row.querySelector("[name=done]").checked ? "+" : "")).join()`

func TestHtmxRecipe(t *testing.T) {
	t.Parallel()
	inHtmx(t, func(t *testing.T, path string) {
		e := runRecipe(t, "htmx", "--db", filepath.Join(t.TempDir(), "db"))
		ann := newPerson(t, "ann").open(t, e.url+path)
		guest := newPerson(t, "").open(t, e.url+path)
		for _, page := range []*tab{ann, guest} {
			page.connected()
			page.countGaps()
		}
		guest.run(`{
			const field = document.querySelector("[placeholder]")
			field.focus()
			field.value = "half a tit"
		}`)

		ann.submitTask("milk")

		for _, page := range []*tab{ann, guest} {
			page.until(titles + ` === "milk"`)
			page.until(`document.querySelector("[hx-get='/summary']").textContent === "1 open; readers: ann"`)
		}
		ann.until(`document.querySelector("[placeholder]").value === ""`)
		guest.never(`document.activeElement.value !== "half a tit"`)
		e.meanwhile(func(address string) {
			post(t, address+"/tasks", formType, "title=bread")
			post(t, address+"/tasks", formType, "title=oat+milk&id=1")
		})
		for _, page := range []*tab{ann, guest} {
			page.until(titles + ` === "oat milk,bread"`)
		}
		guest.run(`document.querySelector("#task-2 [name=done]").click()`) // of a row that came as a fragment
		for _, page := range []*tab{ann, guest} {
			page.until(titles + ` === "oat milk,bread+"`)
			page.until(`document.querySelector("[hx-get='/summary']").textContent === "1 open; readers: ann"`)
			page.never("window.gaps > 0")
			page.never("document.querySelectorAll('#tasks').length !== 1")
			page.clean(lost()...)
		}
		guest.never(`document.querySelector("[placeholder]").value !== "half a tit"`)
	})
}

func TestHtmxRecipeFetchesTheListAfterAGap(t *testing.T) {
	t.Parallel()
	inHtmx(t, func(t *testing.T, path string) {
		e := runRecipe(t, "htmx", "--db", filepath.Join(t.TempDir(), "db"))
		guest := newPerson(t, "").open(t, e.url+path)
		guest.connected()
		guest.countGaps()
		guest.submitTask("milk")
		guest.until(titles + ` === "milk"`)

		e.kill() // and the next one has another file, without this log and this key
		e.args[1] = filepath.Join(t.TempDir(), "db")
		e.start(e.addr())

		guest.until(`window.gaps > 0 && ` + titles + ` === ""`)
		guest.submitTask("bread")
		guest.until(titles + ` === "bread"`)
	})
}
