package pgbroker_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/echo-pull/pull/push"
	"github.com/echo-pull/pull/push/storetest"
)

var pushDatabases atomic.Int32

// pushDatabase creates a database that sorts as people do, not by bytes, and
// returns its URL.
func pushDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprint("push", pushDatabases.Add(1))
	s := shared(t)
	s.exec(t, "CREATE DATABASE "+name+" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
	return strings.Replace(s.url(), "/postgres?", "/"+name+"?", 1)
}

func TestPushStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) push.Store { return push.NewSQLStore(open(t, pushDatabase(t))) })
}

// All processes of a new deployment may need the table first.
func TestPushTableIsCreatedBySeveralAtOnce(t *testing.T) {
	t.Parallel()
	url := pushDatabase(t)
	errs := make([]error, 8)
	var running sync.WaitGroup
	for i := range errs {
		store := push.NewSQLStore(open(t, url))
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
	if all, err := push.NewSQLStore(open(t, url)).Of(t.Context(), "ann"); err != nil || len(all) != len(errs) {
		t.Errorf("%d subscriptions, %v, want %d", len(all), err, len(errs))
	}
}

// An application's role often may not create tables; a migration has done it.
func TestPushStoreNeedsNoRightToCreateATableThatExists(t *testing.T) {
	t.Parallel()
	url := pushDatabase(t)
	admin := open(t, url)
	if err := push.NewSQLStore(admin).Save(t.Context(), "ann", push.Subscription{Endpoint: "https://push.example/1"}); err != nil {
		t.Fatal(err)
	}
	role := fmt.Sprint("push_app", pushDatabases.Add(1))
	for _, statement := range []string{"CREATE ROLE " + role + " LOGIN", "GRANT SELECT, INSERT, UPDATE, DELETE ON pull_push TO " + role} {
		if _, err := admin.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	asRole := strings.Replace(url, "user=postgres", "user="+role, 1)
	store := push.NewSQLStore(open(t, asRole))
	if all, err := store.Of(t.Context(), "ann"); err != nil || len(all) != 1 {
		t.Errorf("%d subscriptions, %v, want 1", len(all), err)
	}

	if _, err := admin.ExecContext(t.Context(), "DROP TABLE pull_push"); err != nil {
		t.Fatal(err)
	}
	late := push.NewSQLStore(open(t, asRole))
	if _, err := late.Of(t.Context(), "ann"); err == nil || !strings.Contains(err.Error(), "create the table pull_push") {
		t.Errorf("without the table: %v, want an error about it", err)
	}
	if err := push.NewSQLStore(admin).Save(t.Context(), "ann", push.Subscription{Endpoint: "https://push.example/1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.ExecContext(t.Context(), "GRANT SELECT ON pull_push TO "+role); err != nil {
		t.Fatal(err)
	}
	if all, err := late.Of(t.Context(), "ann"); err != nil || len(all) != 1 {
		t.Errorf("once it exists: %d subscriptions, %v, want 1", len(all), err)
	}
}

// A caller does not wait for another one that waits for the database.
func TestPushStoreWaitsForNobodyLongerThanItsContext(t *testing.T) {
	t.Parallel()
	url := pushDatabase(t)
	db := open(t, url)
	db.SetMaxOpenConns(1)
	held, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store := push.NewSQLStore(db)
	first, second := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { _, err := store.Of(first, "ann"); result <- err }()
	eventually(t, func() error {
		if db.Stats().WaitCount == 0 {
			return sql.ErrConnDone // not yet
		}
		return nil
	})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Of(ended, "ann"); err == nil {
		t.Error("no error after the context has ended")
	}
	second()
	if err := <-result; err == nil {
		t.Error("no error of the first one")
	}
	_ = held.Close()
	if _, err := store.Of(t.Context(), "ann"); err != nil {
		t.Errorf("later: %v", err)
	}
}
