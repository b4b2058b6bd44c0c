package engines

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/echo-pull/pull/internal/modeltest"
	"github.com/echo-pull/pull/sqlitebroker"
)

// SQLite is a file, which is synced as far as the default of sqlitebroker says.
func SQLite() Engine {
	e := Engine{Name: "sqlite", Nodes: 1, Open: openSQLite}
	e.Start = func(tb testing.TB, frozen func(*rand.Rand) time.Duration) *Server {
		tb.Helper()
		file := filepath.Join(tb.TempDir(), "app.db")
		s := e.newServer(file)
		s.Faults = []modeltest.Fault{
			{Name: "long transaction", Happen: func(r *rand.Rand) error { return write(file, frozen(r)) }},
			loss("emptied tables", func() error { return write(file, 0, `DELETE FROM pull_meta`, `DELETE FROM pull_log`) }),
		}
		return s
	}
	return e
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

func openSQLite(file string) (Log, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return Log{}, err
	}
	b, err := sqlitebroker.New(sqlitebroker.Config{DB: db, Create: true, KeepCount: 10_000_000, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return Log{}, errors.Join(err, db.Close())
	}
	return Log{b, db.Close}, nil
}
