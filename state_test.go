package pull

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Log is the plugin's broker, for tests that look at the log itself.
func (p *Plugin) Log() Broker { return p.broker }

func someState() *stateImage {
	return &stateImage{
		Log:     logImage{Epoch: "abc", First: 7, Times: []int64{1, 2}, Messages: [][]byte{[]byte("one"), []byte("two")}},
		Watches: []watchImage{{User: "1", Tag: "T", Since: 5, Until: 8, Expires: 9}},
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

func TestImageOfALogIsTheSameLog(t *testing.T) {
	m := new(Memory)
	for _, text := range []string{"a", "b", "c"} {
		if err := m.Publish(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	again := new(Memory)

	if err := again.restore(m.image()); err != nil {
		t.Fatal(err)
	}

	if !reflect.DeepEqual(again.image(), m.image()) {
		t.Errorf("got %+v, want %+v", again.image(), m.image())
	}
	if err := again.Publish(t.Context(), []byte("d")); err != nil {
		t.Fatal(err)
	}
	if last := again.next - 1; last != 4 {
		t.Errorf("the next message got offset %d, want 4", last)
	}
}

func TestImpossibleImagesAreRefused(t *testing.T) {
	for name, img := range map[string]logImage{
		"nothing":        {},
		"no epoch":       {First: 1},
		"offset zero":    {Epoch: "a"},
		"fewer times":    {Epoch: "a", First: 1, Messages: [][]byte{nil}},
		"fewer messages": {Epoch: "a", First: 1, Times: []int64{1}},
	} {
		if err := new(Memory).restore(img); err == nil {
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

func assertOnly(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != name {
			t.Errorf("%s is left behind", e.Name())
		}
	}
}

func TestMemoryIsSafeForConcurrentUse(t *testing.T) {
	m := &Memory{Count: 100}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	for range 4 {
		go func() { ended <- m.Subscribe(ctx, time.Hour, func(string, uint64, []byte) {}) }()
		go func() {
			for range 500 {
				if err := m.Publish(ctx, []byte("x"), []byte("y")); err != nil {
					t.Error(err)
				}
				m.image()
			}
			ended <- nil
		}()
	}
	for range 4 {
		<-ended
	}
	cancel()
	for range 4 {
		if err := <-ended; err != nil {
			t.Errorf("got %v, want nil", err)
		}
	}
}
