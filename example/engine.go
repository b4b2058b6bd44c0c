package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pgbroker"
	"github.com/echo-pull/pull/sqlitebroker"
)

// An engine keeps what the nodes of the application share: the log and the tasks.
// Without one, log and tasks are nil.
type engine struct {
	log   pull.Broker
	tasks store
	db    *sql.DB // nil if the engine is no SQL database
	close func() error
}

// openEngine opens the engine at an address; "" is none.
func openEngine(address string) (engine, error) {
	if address == "" {
		return engine{close: func() error { return nil }}, nil
	}
	scheme, rest, _ := strings.Cut(address, ":")
	switch scheme {
	case "postgres", "postgresql":
		return openPostgres(address)
	case "redis", "rediss", "unix":
		return openRedis(address)
	case "nats", "tls":
		if !strings.HasPrefix(rest, "//") {
			return openEmbedded(rest)
		}
		return openNATS(address)
	case "sqlite":
		return openSQLite(rest)
	}
	return engine{}, fmt.Errorf("--broker is %q, want postgres://…, redis://…, nats://…, nats:DIR or sqlite:FILE", address)
}

func openPostgres(url string) (engine, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return engine{}, err
	}
	db.SetMaxIdleConns(10)
	log, err := pgbroker.New(pgbroker.Config{DB: db, URL: url, Create: true})
	if err != nil {
		return engine{}, errors.Join(err, db.Close())
	}
	return newSQLEngine(db, log)
}

func openSQLite(file string) (engine, error) {
	db, err := openSQLiteDB(file)
	if err != nil {
		return engine{}, err
	}
	log, err := sqlitebroker.New(sqlitebroker.Config{DB: db, Create: true})
	if err != nil {
		return engine{}, errors.Join(err, db.Close())
	}
	return newSQLEngine(db, log)
}

// openSQLiteDB opens a file, which only its owner can read: it has secrets.
func openSQLiteDB(file string) (*sql.DB, error) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_pragma=busy_timeout(5000)")
}

func newSQLEngine(db *sql.DB, log pull.Broker) (engine, error) {
	tasks, err := openSQL(db)
	if err != nil {
		return engine{}, errors.Join(err, db.Close())
	}
	return engine{log: log, tasks: tasks, db: db, close: db.Close}, nil
}
