package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/echo-pull/pull"
)

func open(t *testing.T, stateFile string) *fileStore {
	t.Helper()
	s, err := openFile(stateFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestListIsThereAfterACrash(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	s := open(t, state)
	for _, change := range []error{
		s.add(t.Context(), task{ID: "1", Title: "milk"}, silent), s.add(t.Context(), task{ID: "2", Title: "bread"}, silent),
		s.update(t.Context(), task{ID: "2", Title: "bread", Done: true}, silent), s.remove(t.Context(), "1", silent),
	} {
		if change != nil {
			t.Fatal(change)
		}
	}

	got, err := open(t, state).all(t.Context())

	if want := map[string]task{"2": {ID: "2", Title: "bread", Done: true}}; err != nil || !maps.Equal(got.Tasks, want) || got.Revision != 4 {
		t.Errorf("got %v, %v, want revision 4 with %v", got, err, want)
	}
}

func TestChangeThatCannotBeKeptChangesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, filepath.Join(dir, "state"))
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}

	err := s.add(t.Context(), task{ID: "1", Title: "milk"}, func(pull.Tx, task) error {
		t.Error("the change was announced")
		return nil
	})

	if got, _ := s.all(t.Context()); err == nil || len(got.Tasks) != 0 || got.Revision != 0 {
		t.Errorf("error %v and %v, want an error and no task", err, got)
	}
}

func TestUnreadableListIsAnError(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	for _, content := range []string{"", `{"tasks": {"1": {"id": "1"`, "[]", `{"tasks": {"1": 2}}`, `{"1": {"id": "1"}}`} {
		if err := os.WriteFile(state+".tasks.json", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := openFile(state); err == nil {
			t.Errorf("%q: %v, want an error", content, s.list)
		}
	}
}

func TestFileStoreKeepsTheContract(t *testing.T) {
	testStore(t, open(t, filepath.Join(t.TempDir(), "state")))
}

func TestFileStoreInParallel(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state"))
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			err := s.add(t.Context(), task{ID: strconv.Itoa(i), Title: "milk"}, silent)
			l, errAll := s.all(t.Context())
			for range l.Tasks {
			}
			if err := errors.Join(err, errAll); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()

	if got, _ := s.all(t.Context()); len(got.Tasks) != 10 || got.Revision != 10 {
		t.Errorf("%d tasks at revision %d, want 10 at 10", len(got.Tasks), got.Revision)
	}
}
