package pull_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// A reading is what a page has received so far.
type reading struct {
	mu       sync.Mutex // guards the fields below
	commands []string   // of the application's messages
	ids      []uint64
	hellos   []message
	tick     uint64
	err      error
	page     *page
}

// read reads, which also answers pings, until the connection ends.
func (p *page) read() *reading {
	r := &reading{page: p}
	go func() {
		for r.take(p.ReadMessage()) {
		}
	}()
	return r
}

func (r *reading) take(_ int, frame []byte, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()

	var messages []message
	if err == nil {
		err = json.Unmarshal(frame, &messages)
	}
	r.err = err
	for _, m := range messages {
		switch {
		case m.ID > 0:
			r.commands, r.ids = append(r.commands, m.Command), append(r.ids, m.ID)
		case m.Command == "hello":
			r.hellos = append(r.hellos, m)
		case m.Command == "tick":
			offset, _ := m.Params["offset"].(float64)
			r.tick = uint64(offset)
		}
	}
	return err == nil
}

// wait returns what the page has received once all goroutines are idle.
func (r *reading) wait() (commands []string, hellos []message, err error) {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()

	return slices.Clone(r.commands), slices.Clone(r.hellos), r.err
}

// sees fails unless exactly these messages have arrived, without a gap.
func (r *reading) sees(t *testing.T, want ...string) {
	t.Helper()
	commands, hellos, err := r.wait()
	if !slices.Equal(commands, want) {
		t.Errorf("got %q, want %q", commands, want)
	}
	if len(hellos) != 1 || err != nil {
		t.Errorf("got %d hellos and error %v, want 1 and none", len(hellos), err)
	}
}

// learnsOfAGap fails unless the first hello reports a gap.
func (r *reading) learnsOfAGap(t *testing.T) {
	t.Helper()
	if _, hellos, _ := r.wait(); len(hellos) != 1 || hellos[0].Params["recovered"] != false {
		t.Errorf("got hellos %v, want one that reports a gap", hellos)
	}
}

// counted fails unless the commands are 0, 1, 2 and so on.
func counted(t *testing.T, commands []string) {
	t.Helper()
	for i, command := range commands {
		if command != strconv.Itoa(i) {
			t.Fatalf("got %s at place %d", command, i)
		}
	}
}

// resume connects a page with a cursor, which must still be in the window.
func (a *app) resume(t *testing.T, user, cursor string) *reading {
	t.Helper()
	p := a.dial(t, user, "?cursor="+cursor)
	r := p.read()
	if _, hellos, _ := r.wait(); len(hellos) != 1 || hellos[0].Params["recovered"] != true {
		t.Fatalf("resumed at %s: got hellos %v, want recovered", cursor, hellos)
	}
	return r
}

// fresh connects a page and returns its cursor.
func (a *app) fresh(t *testing.T, user string) (r *reading, cursor string) {
	t.Helper()
	r = a.dial(t, user, "").read()
	_, hellos, err := r.wait()
	if len(hellos) != 1 {
		t.Fatalf("connected: got hellos %v, error %v, want one", hellos, err)
	}
	return r, cursorAt(hellos[0])
}

// leave closes the page like a lost network.
func (r *reading) leave() { quit(r.page) }

// stall connects a page that reads hello and then stops reading.
func (a *app) stall(t *testing.T, user string) (p *page, cursor string) {
	t.Helper()
	p = a.dial(t, user, "")
	return p, cursorAt(p.hello(t))
}

// pad returns params of that size.
func pad(bytes int) map[string]any { return map[string]any{"pad": strings.Repeat("x", bytes)} }

// cursorAt returns the cursor of a page after its hello, without events.
func cursorAt(hello message) string {
	epoch, _ := hello.Params["epoch"].(string)
	offset, _ := hello.Params["offset"].(float64)
	return epoch + "." + strconv.FormatUint(uint64(offset), 10)
}
