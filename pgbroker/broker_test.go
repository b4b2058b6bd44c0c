package pgbroker_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/brokertest"
	"github.com/echo-pull/pull/pgbroker"
)

var _ pull.Broker = (*pgbroker.Broker)(nil)

var prefixes atomic.Int64

// newPrefix returns one that no other test has.
func newPrefix() string { return fmt.Sprintf("test%d_", prefixes.Add(1)) }

// newBroker returns a node's broker for the log with a prefix.
func newBroker(t testing.TB, s *server, prefix string, configure ...func(*pgbroker.Config)) *pgbroker.Broker {
	t.Helper()
	config := pgbroker.Config{DB: open(t, s.url()), URL: s.url(), Create: true, Prefix: prefix, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range configure {
		c(&config)
	}
	b, err := pgbroker.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestBroker(t *testing.T) {
	for name, configure := range map[string]func(*pgbroker.Config){
		"listen":   func(*pgbroker.Config) {},
		"poll":     func(c *pgbroker.Config) { c.URL = "" },
		"own pool": func(c *pgbroker.Config) { c.DB = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := shared(t)
			var prefix string // of the broker that is open: the tests run one by one
			brokertest.Run(t, brokertest.Suite{
				Open: func(t testing.TB) brokertest.Broker {
					prefix = newPrefix()
					return newBroker(t, s, prefix, configure)
				},
				Break: func(brokertest.Broker) func() {
					s.freeze(t)
					return s.thaw
				},
				Lose: func(brokertest.Broker) {
					s.exec(t, "DROP TABLE "+prefix+"log, "+prefix+"meta CASCADE")
				},
			})
		})
	}
}
