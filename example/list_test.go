package main

import (
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

func open(t *testing.T, stateFile string) *list {
	t.Helper()
	l, err := openList(stateFile)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestListIsThereAfterACrash(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	l := open(t, state)
	for _, change := range []error{
		l.put(task{ID: "1", Title: "milk"}), l.put(task{ID: "2", Title: "bread"}),
		l.put(task{ID: "2", Title: "bread", Done: true}), l.remove("1"),
	} {
		if change != nil {
			t.Fatal(change)
		}
	}

	got := open(t, state).all()

	if want := map[string]task{"2": {ID: "2", Title: "bread", Done: true}}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestChangeThatCannotBeKeptChangesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l := open(t, filepath.Join(dir, "state"))
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}

	err := l.put(task{ID: "1", Title: "milk"})

	if got := l.all(); err == nil || len(got) != 0 {
		t.Errorf("error %v and %v, want an error and no task", err, got)
	}
}

func TestUnreadableListIsAnError(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	for _, content := range []string{"", `{"1": {"id": "1"`, "[]", `{"1": 2}`} {
		if err := os.WriteFile(state+".tasks.json", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := openList(state); err == nil {
			t.Errorf("%q: %v, want an error", content, l.tasks)
		}
	}
}

func TestListInParallel(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "state"))
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			if err := l.put(task{ID: strconv.Itoa(i), Title: "milk"}); err != nil {
				t.Error(err)
			}
			for range l.all() {
			}
		})
	}
	all.Wait()

	if got := len(l.all()); got != 10 {
		t.Errorf("%d tasks, want 10", got)
	}
}
