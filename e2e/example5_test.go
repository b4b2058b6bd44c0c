package e2e

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// startExample5 runs the example on Echo v5, as scripts/port5 translates it.
func startExample5(t *testing.T, args ...string) *example {
	t.Helper()
	path := filepath.Join(t.TempDir(), "example")
	build := exec.CommandContext(t.Context(), "go", "run", "./scripts/port5", "build", "-o", path, "./testdata/example")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the example on Echo v5: %v\n%s", err, out)
	}
	return startProgram(t, path, args...)
}

// enter logs in with the form.
func (p *tab) enter(name string) {
	p.Helper()
	p.until(`document.querySelector("#login")`)
	p.must(chromedp.SendKeys(chromedp.CSS("#login [name=name]"), name))
	p.must(chromedp.Click(chromedp.CSS("#login button")))
	p.shows("#me", name)
	p.connected()
}

func TestExampleOnEcho5(t *testing.T) {
	t.Parallel()
	e := startExample5(t, "--state", filepath.Join(t.TempDir(), "state"))
	ann := newPerson(t, "").open(t, e.url+"/")
	bob := newPerson(t, "").open(t, e.url+"/m")
	ann.enter("ann")
	bob.enter("bob")

	bob.submit("/tasks", "title", "milk") // the other page gets it through its hook
	ann.called("onPullEvent-tasks", `args[0] === "save" && args[1].title === "milk"`)
	ann.shows("#tasks .title", "milk")
	ann.run(`document.querySelector("#tasks [name=done]").click()`)
	bob.called("onPull-tasks", `args[0].command === "save" && args[0].params.done`)
	bob.until(`document.querySelector("#tasks [name=done]").checked`)

	ann.run(`{
		const button = document.querySelector("button.fail")
		button.form.querySelector("[name=text]").value = "nobody hears this"
		button.click()
	}`)
	ann.shows(".toasts .error", "409: the handler failed after Send")

	ann.offline(true) // a lost connection …
	ann.until("!navigator.onLine && !BX.PULL.isConnected()")
	bob.submit("/tasks", "title", "bread")
	bob.shows("#tasks .title", "bread")
	ann.offline(false)
	ann.shows("#tasks .title", "bread")
	ann.connected()

	e.restart() // … and a restart
	bob.submit("/tasks", "title", "butter")
	for _, page := range []*tab{ann, bob} {
		page.shows("#tasks .title", "butter")
		page.connected()
		page.never(calls("onPullGap", "true"))
		page.never(`document.body.textContent.includes("nobody hears this")`)
	}
}

// Error pages for people and JSON for programs, as on Echo v4.
func TestExampleOnEcho5AnswersPeopleAndPrograms(t *testing.T) {
	t.Parallel()
	answersPeopleAndPrograms(t, startExample5(t))
}
