package cluster_test

import (
	"log/slog"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/modeltest"
	"github.com/echo-pull/pull/internal/servertest"
	"github.com/echo-pull/pull/pgbroker"
)

func postgres() engine {
	return engine{name: "postgres", nodes: 2, isServer: true, start: startPostgres, open: openPostgres}
}

func startPostgres(t *testing.T) *server {
	t.Helper()
	p := servertest.NewPostgres(t)
	exec := func(statement string) func() error { return func() error { return p.Exec(statement) } }
	return &server{
		address: p.URL(),
		restart: fault("restart", p.Restart),
		faults: []modeltest.Fault{
			fault("restart", p.Restart),
			fault("kill -9", p.Kill, p.Start),
			pause("freeze", p.Freeze, func() error { p.Thaw(); return nil }),
			fault("terminated connections", exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`)),
			loss("emptied table", exec(`TRUNCATE pull_log`)),
			loss("new cluster", p.Kill, p.Wipe, p.Start),
		},
	}
}

func openPostgres(url string) (pull.Broker, func() error, error) {
	b, err := pgbroker.New(pgbroker.Config{URL: url, Create: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, err
	}
	return b, b.Close, nil
}
