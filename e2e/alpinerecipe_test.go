package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// vote clicks a button.
func (p *tab) vote(choice string) {
	p.Helper()
	p.run(fmt.Sprintf(`[...document.querySelectorAll("button")].find((one) => one.textContent === %q).click()`, choice))
}

// votes is an expression: the votes that the page shows, as tea:coffee.
const votes = `["tea", "coffee"].map((choice) => [...document.querySelectorAll("p:has(button)")]
	.find((line) => line.firstElementChild.textContent === choice)?.querySelector("b").textContent).join(":")`

func TestAlpineRecipe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "votes")
	e := runRecipe(t, "alpine", "--file", file)
	ann := newPerson(t, "").open(t, e.url)
	bob := newPerson(t, "").open(t, e.url)
	for _, page := range []*tab{ann, bob} {
		page.connected()
		page.until(votes + ` === "0:0"`)
		page.until(`document.querySelector("i").textContent === "online"`)
		page.countGaps()
	}

	ann.vote("tea")
	bob.vote("coffee")

	for _, page := range []*tab{ann, bob} {
		page.until(votes + ` === "1:1"`)
		page.never("window.gaps > 0")
	}
	e.kill()
	if err := os.WriteFile(file, []byte(`{"total":9,"votes":{"coffee":2,"tea":7}}`), 0o600); err != nil { // no page was sent these
		t.Fatal(err)
	}
	e.start(e.addr())
	for _, page := range []*tab{ann, bob} {
		page.until(votes + ` === "7:2"`)
		page.never("window.gaps !== 1")
	}
	bob.vote("coffee")
	for _, page := range []*tab{ann, bob} {
		page.until(votes + ` === "7:3"`)
		page.clean(lost()...)
	}
}
