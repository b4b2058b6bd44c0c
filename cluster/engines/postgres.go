package engines

import (
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/echo-pull/pull/internal/modeltest"
	"github.com/echo-pull/pull/internal/servertest"
	"github.com/echo-pull/pull/pgbroker"
)

// Postgres is a PostgreSQL server that syncs each commit. Nodes use LISTEN.
func Postgres() Engine {
	e := Engine{Name: "postgres", Nodes: 2, IsServer: true, Open: openPostgres}
	e.Start = func(tb testing.TB, frozen func(*rand.Rand) time.Duration) *Server {
		tb.Helper()
		p := servertest.NewPostgres(tb)
		exec := func(statement string) func() error { return func() error { return p.Exec(statement) } }
		s := e.newServer(p.URL())
		s.Restart = fault("restart", p.Restart)
		s.Kill, s.Resume = p.Kill, p.Start
		s.Faults = []modeltest.Fault{
			s.Restart,
			fault("kill -9", p.Kill, p.Start),
			freeze(frozen, p.Freeze, func() error { p.Thaw(); return nil }),
			fault("terminated connections", exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`)),
			loss("emptied table", exec(`TRUNCATE pull_log`)),
			loss("new cluster", p.Kill, p.Wipe, p.Start),
		}
		return s
	}
	return e
}

func openPostgres(url string) (Log, error) {
	b, err := pgbroker.New(pgbroker.Config{URL: url, Create: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return Log{}, err
	}
	return Log{b, b.Close}, nil
}
