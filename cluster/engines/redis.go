package engines

import (
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/modeltest"
	"github.com/echo-pull/pull/internal/servertest"
	"github.com/echo-pull/pull/redisbroker"
)

// Redis is a Redis server whose append-only file is synced every second.
//
// If it restarts within some seconds of the end of a node that was killed, no node
// can prove that nothing is lost, so the log gets another epoch.
func Redis() Engine {
	e := Engine{Name: "redis", Nodes: 2, IsServer: true, Open: openRedis}
	e.Start = func(tb testing.TB, frozen func(*rand.Rand) time.Duration) *Server {
		tb.Helper()
		r := servertest.NewRedis(tb)
		exec := func(command string) func() error { return func() error { return r.Exec(command) } }
		s := e.newServer(r.URL())
		s.Restart = doubt("restart", r.Restart)
		s.Kill, s.Resume = r.Kill, r.Start
		s.Faults = []modeltest.Fault{
			s.Restart,
			doubt("kill -9", r.Kill, r.Start),
			freeze(frozen, r.Freeze, r.Thaw),
			fault("cut connections", exec("CLIENT KILL TYPE normal")),
			fault("forgotten scripts", exec("SCRIPT FLUSH")),
			loss("deleted log", exec("DEL {pull}:log")),
			loss("new data", r.Kill, r.Wipe, r.Start),
		}
		return s
	}
	return e
}

func openRedis(url string) (Log, error) {
	b, err := redisbroker.New(redisbroker.Config{URL: url, KeepCount: 10_000_000, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return Log{}, err
	}
	return Log{b, b.Close}, nil
}
