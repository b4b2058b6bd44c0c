package engine

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
)

// someState returns an image with two messages and one watch.
func someState() *stateImage {
	return &stateImage{
		Log:     broker.Snapshot{Epoch: "abc", First: 7, Times: []int64{1, 2}, Messages: [][]byte{[]byte("one"), []byte("two")}},
		Watches: []hub.WatchImage{{User: "1", Tag: "T", Since: 5, Until: 8, Expires: 9}},
		Secret:  bytes.Repeat([]byte("s"), 32),
	}
}

func TestStateComesBackAsItWas(t *testing.T) {
	content, err := encodeState(someState())
	if err != nil {
		t.Fatal(err)
	}

	got, err := decodeState(content)

	if err != nil || !reflect.DeepEqual(got, someState()) {
		t.Errorf("got %+v and %v, want %+v", got, err, someState())
	}
}

func TestEveryDamageIsFound(t *testing.T) {
	content, err := encodeState(someState())
	if err != nil {
		t.Fatal(err)
	}
	for i := range content {
		damaged := bytes.Clone(content)
		damaged[i] ^= 0x10
		if _, err := decodeState(damaged); err == nil {
			t.Errorf("byte %d of %d changed: got no error", i, len(content))
		}
		if _, err := decodeState(content[:i]); err == nil {
			t.Errorf("cut to %d of %d bytes: got no error", i, len(content))
		}
	}
}

func TestImpossibleSecretIsRefused(t *testing.T) {
	for size, possible := range map[int]bool{0: true, 1: false, 31: false, 32: true} {
		state := someState()
		state.Secret = make([]byte, size)
		if err := state.check(); (err == nil) != possible {
			t.Errorf("a secret of %d bytes: got %v", size, err)
		}
	}
}

func TestImpossibleWatchesAreRefused(t *testing.T) {
	good := hub.WatchImage{User: "1", Tag: "T", Since: 5, Expires: 9}
	for name, change := range map[string]func(w *hub.WatchImage){
		"no user":       func(w *hub.WatchImage) { w.User = "" },
		"odd user":      func(w *hub.WatchImage) { w.User = "\xff" },
		"odd tag":       func(w *hub.WatchImage) { w.Tag = "a\x00b" },
		"long tag":      func(w *hub.WatchImage) { w.Tag = strings.Repeat("x", envelope.MaxIDBytes+1) },
		"from nowhere":  func(w *hub.WatchImage) { w.Since = 9 },
		"until nowhere": func(w *hub.WatchImage) { w.Until = 10 },
		"negative end":  func(w *hub.WatchImage) { w.Expires = -1 },
		"twice":         func(*hub.WatchImage) {},
	} {
		img := someState()
		img.Watches = []hub.WatchImage{good, good}
		img.Watches[1].Tag = "U"
		if err := img.check(); err != nil {
			t.Fatalf("got %v for a possible state", err)
		}
		img.Watches[1].Tag = "T"
		change(&img.Watches[1])
		content, err := encodeState(img)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeState(content); err == nil || got != nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestStateFileIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}

	if err := writeFile(path, []byte("new")); err != nil {
		t.Fatal(err)
	}

	if got, err := os.ReadFile(path); string(got) != "new" || err != nil {
		t.Errorf("got %q and %v, want new", got, err)
	}
	assertOnly(t, dir, "state")
}

// A process may start at the moment at which the last one ends.
func TestStateFileIsFreeAsSoonAsItIsSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	first, _, _, err := openStateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.close()
	if err := first.save(func() ([]byte, error) { return []byte("log"), nil }); err != nil {
		t.Fatal(err)
	}

	next, content, unused, err := openStateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer next.close()

	if string(content) != "log" || unused != nil || !next.alone || first.reclaim() {
		t.Errorf("got %q, %v and alone %t, want the log and a process that is alone", content, unused, next.alone)
	}
}

func TestStateThatCannotBeWrittenLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}

	err := writeFile(path, []byte("new"))

	if err == nil || !strings.Contains(err.Error(), "state") {
		t.Errorf("got %v, want an error that names the file", err)
	}
	assertOnly(t, dir, "state")
}

// Other files in the same directory may have names that begin like the state
// file's: another state file that is being written, or a copy.
func TestOpeningClearsAwayNothingButOwnLeftovers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	others := []string{"state.b.1234567890.tmp", "state.copy.tmp", "state.tmp", "state..tmp", "state1.5.tmp"}
	for _, name := range append(others, "state.1234567890.tmp") {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	s, _, _, err := openStateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s.close()

	left, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
	if err != nil || len(left) != len(others) {
		t.Errorf("left are %q, want the files of others: %q", left, others)
	}
}

func assertOnly(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != name {
			t.Errorf("%s was left behind, want it removed", e.Name())
		}
	}
}
