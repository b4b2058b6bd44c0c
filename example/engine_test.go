//go:build linux

package main

import (
	"database/sql"
	"testing"

	"github.com/echo-pull/pull/internal/servertest"
)

func TestPostgresStoreKeepsTheContract(t *testing.T) {
	testStore(t, openStore(t, servertest.NewPostgres(t).URL()))
}

func TestNodesOnPostgresThatStartTogetherHaveTheSameKeys(t *testing.T) {
	url := servertest.NewPostgres(t).URL()
	startTogether(t, func() (*sql.DB, error) { return sql.Open("pgx", url) })
}

func TestRedisStoreKeepsTheContract(t *testing.T) {
	testStore(t, openStore(t, servertest.NewRedis(t).URL()))
}

func TestNATSStoreKeepsTheContract(t *testing.T) {
	testStore(t, openStore(t, "nats:"+t.TempDir()))
}
