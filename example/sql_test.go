package main

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/echo-pull/pull"
)

// openStore opens the store at an address, and closes it with the test.
func openStore(t *testing.T, address string) store {
	t.Helper()
	e, err := openEngine(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
	})
	return e.tasks
}

func openSQLiteStore(t *testing.T) store {
	t.Helper()
	return openStore(t, "sqlite:"+filepath.Join(t.TempDir(), "tasks.db"))
}

func TestSQLiteStoreKeepsTheContract(t *testing.T) { testStore(t, openSQLiteStore(t)) }

func TestChangeThatCannotBeAnnouncedIsRolledBack(t *testing.T) {
	s, full := openSQLiteStore(t), errors.New("full")

	err := s.add(t.Context(), task{ID: "1", Title: "milk"}, func(tx pull.Tx, _ task) error {
		if tx == nil {
			t.Error("there is no transaction, want that of the change")
		}
		return full
	})

	if got, errAll := s.all(t.Context()); !errors.Is(err, full) || errAll != nil || len(got.Tasks) != 0 {
		t.Errorf("error %v and %v, %v, want %v and no task", err, got, errAll, full)
	}
}

func TestUnknownEngineIsAnError(t *testing.T) {
	for _, address := range []string{"mysql://localhost", "tasks.db"} {
		if _, err := openEngine(address); err == nil {
			t.Errorf("%s: no error", address)
		}
	}
}
