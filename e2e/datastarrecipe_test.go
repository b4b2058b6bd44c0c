package e2e

import (
	"cmp"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// messages is an expression: the messages that the page shows.
const messages = `[...document.querySelectorAll("#messages li")].map((one) => one.textContent).join()`

// fetched is an expression: whether the page has fetched all messages, as after a gap.
const fetched = `performance.getEntriesByType("resource").some(({ name }) => new URL(name).pathname === "/list")`

// startBook runs the recipe with the file in DATASTAR, or with a stand-in.
func startBook(t *testing.T) *example {
	t.Helper()
	script, err := filepath.Abs(cmp.Or(os.Getenv("DATASTAR"), "testdata/datastar.js"))
	if err != nil {
		t.Fatal(err)
	}
	return runRecipe(t, "datastar", "--db", filepath.Join(t.TempDir(), "db"), "--datastar", script)
}

// write writes a message into the book, as a person does.
func (p *tab) write(text string) {
	p.Helper()
	p.run(fmt.Sprintf(`{
		const field = document.querySelector("input")
		field.value = %q
		field.dispatchEvent(new Event("input", { bubbles: true }))
		field.form.requestSubmit()
	}`, text))
}

func TestDatastarRecipe(t *testing.T) {
	t.Parallel()
	e := startBook(t)
	ann := newPerson(t, "").open(t, e.url)
	bob := newPerson(t, "").open(t, e.url)

	ann.write("one")

	for _, page := range []*tab{ann, bob} {
		page.until(messages + ` === "one"`)
	}
	ann.until(`document.querySelector("input").value === ""`)
	e.meanwhile(func(address string) {
		post(t, address+"/messages", "application/json", `{"text":"two"}`)
		post(t, address+"/messages", "application/json", `{"text":"three"}`)
	})
	for _, page := range []*tab{ann, bob} {
		page.until(messages + ` === "three,two,one"`)
		page.never(`document.querySelectorAll("#messages").length !== 1`)
	}
	bob.write("four")
	for _, page := range []*tab{ann, bob} {
		page.until(messages + ` === "four,three,two,one"`)
		page.never(fetched)
		page.clean(append(lost(), "Datastar failed to reach", "Failed to fetch", "network error")...)
	}
}

func TestDatastarRecipeFetchesTheMessagesAfterAGap(t *testing.T) {
	t.Parallel()
	e := startBook(t)
	page := newPerson(t, "").open(t, e.url)
	page.write("one")
	page.until(messages + ` === "one"`)
	page.never(fetched)

	e.kill()
	execute(t, e.args[1], `DELETE FROM pull_log`, `DELETE FROM pull_meta`, `INSERT INTO messages (text) VALUES ('two')`) // no page was sent this
	e.start(e.addr())

	page.until(messages + ` === "two,one" && ` + fetched)
	page.write("three")
	page.until(messages + ` === "three,two,one"`)
}

// execute executes statements in a SQLite file.
func execute(t *testing.T, file string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
