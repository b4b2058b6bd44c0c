package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlannedRestartOfTheExampleLosesNothing(t *testing.T) {
	t.Parallel()
	e := startExample(t, "--state", filepath.Join(t.TempDir(), "state"))
	ann := newPerson(t, "ann").open(t, e.url+"/")
	bob := newPerson(t, "bob").open(t, e.url+"/m")
	ann.connected()
	bob.connected()
	bob.submit("/tasks", "title", "before")
	ann.shows("#tasks .title", "before")

	e.restart()
	bob.submit("/tasks", "title", "after")

	for _, page := range []*tab{ann, bob} {
		page.shows("#tasks .title", "after")
		page.shows("#tasks .title", "before")
		page.connected()
		page.never(calls("onPullGap", "true"))
	}
	ann.clean("WebSocket", "ERR_CONNECTION_REFUSED", "426") // the probe after a refused handshake may reach the new process
	late := e.list("eve")
	late.shows("#tasks .title", "before")
	late.shows("#tasks .title", "after")
}

func TestCrashOfTheExampleIsTold(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	e := startExample(t, "--state", state)
	ann := e.list("ann", "before")
	bob := newPerson(t, "bob").open(t, e.url+"/m")
	eve := newPerson(t, "eve").open(t, e.url+value[string](ann, `document.querySelector(".task a").getAttribute("href")`))
	bob.connected()
	eve.connected()

	e.kill()
	rename(t, state+".tasks.json", "before", "meanwhile") // no page has received this
	e.start(e.addr())

	for _, page := range []*tab{ann, bob, eve} {
		page.called("onPullGap", "args.length === 0")
		page.shows("#tasks .title", "meanwhile")
		page.never(`document.querySelectorAll("#tasks li").length !== 1`)
	}
	bob.submit("/tasks", "title", "after")
	ann.shows("#tasks .title", "after")
	eve.submit("/say", "text", "a note") // she watches the page again
	eve.shows("#messages span", "a note")
	ann.clean("WebSocket", "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "426")
}

// rename changes the title in a file of tasks.
func rename(t *testing.T, path, before, after string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(content, []byte(before), []byte(after)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCrashWithoutAStateFileForgetsTheTasksAndSaysSo(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	ann := e.list("ann", "before")

	e.kill()
	e.start(e.addr())

	ann.called("onPullGap", "args.length === 0")
	ann.until(`document.querySelectorAll("#tasks li").length === 0`) // as on the server
}

func TestDamagedTasksAreAClearError(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(state+".tasks.json", []byte(`{"half": "writ`), 0o600); err != nil {
		t.Fatal(err)
	}

	code, said := refused(t, "--addr", "127.0.0.1:0", "--state", state)

	if code != 1 || !strings.Contains(said, state+".tasks.json") {
		t.Errorf("exit code %d and %q, want 1 and the name of the file", code, said)
	}
}

func TestTakenPortIsAClearError(t *testing.T) {
	t.Parallel()
	e := startExample(t)

	code, said := refused(t, "--addr", e.addr())

	if code != 1 || !strings.Contains(said, "address already in use") {
		t.Errorf("exit code %d and %q, want 1 and the reason", code, said)
	}
}
