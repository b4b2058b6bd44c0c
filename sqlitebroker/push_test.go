package sqlitebroker_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/echo-pull/pull/push"
	"github.com/echo-pull/pull/push/storetest"
)

// openPush returns a pool of connections to a file, as one process has.
func openPush(t testing.TB, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestPushStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) push.Store {
		return push.NewSQLStore(openPush(t, filepath.Join(t.TempDir(), "push.db")))
	})
}

// All processes of a new deployment may need the table first.
func TestPushTableIsCreatedBySeveralAtOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "push.db")
	if err := openPush(t, file).Ping(); err != nil { // it sets the journal mode, which two cannot do at the same time
		t.Fatal(err)
	}
	errs := make([]error, 8)
	var running sync.WaitGroup
	for i := range errs {
		store := push.NewSQLStore(openPush(t, file))
		running.Go(func() {
			errs[i] = store.Save(t.Context(), "ann", push.Subscription{Endpoint: fmt.Sprint("https://push.example/", i)})
		})
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if all, err := push.NewSQLStore(openPush(t, file)).Of(t.Context(), "ann"); err != nil || len(all) != len(errs) {
		t.Errorf("%d subscriptions, %v, want %d", len(all), err, len(errs))
	}
}

// A pool without a busy_timeout gets errors at once while another connection writes.
func TestPushStoreWaitsForABusyFile(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "push.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	store := push.NewSQLStore(db)
	errs := make([]error, 50)
	var running sync.WaitGroup
	for i := range errs {
		running.Go(func() {
			user := fmt.Sprint("user ", i)
			s := push.Subscription{Endpoint: fmt.Sprint("https://push.example/", i)}
			errs[i] = errors.Join(store.Save(t.Context(), user, s), store.Seen(t.Context(), s.Endpoint, time.Now().Add(2*time.Hour)))
		})
	}
	running.Wait()

	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if users, err := store.Users(t.Context(), "", 100); err != nil || len(users) != len(errs) {
		t.Errorf("got %d users and %v, want %d", len(users), err, len(errs))
	}
}
