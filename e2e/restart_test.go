package e2e

import (
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
	ann.clean("WebSocket", "ERR_CONNECTION_REFUSED")
}

func TestCrashOfTheExampleIsTold(t *testing.T) {
	t.Parallel()
	e := startExample(t, "--state", filepath.Join(t.TempDir(), "state"))
	ann := newPerson(t, "ann").open(t, e.url+"/")
	bob := newPerson(t, "bob").open(t, e.url+"/m")
	ann.connected()
	bob.connected()
	bob.submit("/tasks", "title", "before")
	ann.shows("#tasks .title", "before")

	e.crash()

	for _, page := range []*tab{ann, bob} {
		page.called("onPullGap", "args.length === 0")
		page.until(`document.querySelectorAll("#tasks li").length === 0`) // as on the server, which forgot
	}
	bob.submit("/tasks", "title", "after")
	ann.shows("#tasks .title", "after")
	ann.clean("WebSocket", "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET")
}

func TestTakenPortIsAClearError(t *testing.T) {
	t.Parallel()
	e := startExample(t)

	out, err := command("--addr", strings.TrimPrefix(e.url, "http://")).CombinedOutput()

	if exitCode(err) != 1 || !strings.Contains(string(out), "address already in use") {
		t.Errorf("exit code %d and %q, want 1 and the reason", exitCode(err), out)
	}
}
