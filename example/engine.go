package main

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pgbroker"
	"github.com/echo-pull/pull/sqlitebroker"
)

// An engine keeps what the nodes of the application share: the log and the tasks.
type engine struct {
	log   pull.Broker
	tasks store
	close func() error
}

// openEngine opens the engine at an address.
func openEngine(address string) (engine, error) {
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
	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		return engine{}, err
	}
	log, err := sqlitebroker.New(sqlitebroker.Config{DB: db, Create: true})
	if err != nil {
		return engine{}, errors.Join(err, db.Close())
	}
	return newSQLEngine(db, log)
}

func newSQLEngine(db *sql.DB, log pull.Broker) (engine, error) {
	tasks, err := openSQL(db)
	if err != nil {
		return engine{}, errors.Join(err, db.Close())
	}
	return engine{log, tasks, db.Close}, nil
}
