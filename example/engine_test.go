//go:build linux

package main

import (
	"testing"

	"github.com/echo-pull/pull/internal/servertest"
	"github.com/echo-pull/pull/natsbroker"
)

func TestPostgresStoreKeepsTheContract(t *testing.T) {
	testStore(t, openStore(t, servertest.NewPostgres(t).URL()))
}

func TestRedisStoreKeepsTheContract(t *testing.T) {
	testStore(t, openStore(t, servertest.NewRedis(t).URL()))
}

func TestNATSStoreKeepsTheContract(t *testing.T) {
	server, err := natsbroker.Embedded(natsbroker.EmbeddedConfig{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	tasks, err := openBucket(server.Conn())
	if err != nil {
		t.Fatal(err)
	}
	testStore(t, tasks)
}
