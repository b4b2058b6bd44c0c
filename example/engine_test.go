//go:build linux

package main

import (
	"testing"

	"github.com/echo-pull/pull/internal/servertest"
)

func TestPostgresStoreKeepsTheContract(t *testing.T) {
	testStore(t, openStore(t, servertest.NewPostgres(t).URL()))
}

func TestRedisStoreKeepsTheContract(t *testing.T) {
	testStore(t, openStore(t, servertest.NewRedis(t).URL()))
}

func TestNATSStoreKeepsTheContract(t *testing.T) {
	testStore(t, openStore(t, "nats:"+t.TempDir()))
}
