package cluster_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/modeltest"
	"github.com/echo-pull/pull/sqlitebroker"
)

func sqlite() engine {
	return engine{name: "sqlite", nodes: 1, start: startSQLite, open: openSQLite}
}

func startSQLite(t *testing.T) *server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app.db")
	return &server{
		address: file,
		faults: []modeltest.Fault{
			{Name: "long transaction", Happen: func(r *rand.Rand) error { return write(file, frozenFor(r)) }},
			loss("emptied tables", func() error { return write(file, 0, `DELETE FROM pull_meta`, `DELETE FROM pull_log`) }),
		},
	}
}

// write executes statements in a transaction that takes a while.
func write(file string, lasts time.Duration, statements ...string) (err error) {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	<-time.After(lasts)
	return tx.Commit()
}

func openSQLite(file string) (pull.Broker, func() error, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, nil, err
	}
	b, err := sqlitebroker.New(sqlitebroker.Config{DB: db, Create: true, KeepCount: 10_000_000, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return b, db.Close, nil
}
