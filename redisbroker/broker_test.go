package redisbroker_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/brokertest"
	"github.com/echo-pull/pull/redisbroker"
)

var _ pull.Broker = (*redisbroker.Broker)(nil)

var prefixes atomic.Int64

// newPrefix returns one that no other test has.
func newPrefix() string { return fmt.Sprintf("test%d", prefixes.Add(1)) }

// newBroker returns a node's broker for the log with a prefix.
func newBroker(t testing.TB, s *server, prefix string, configure ...func(*redisbroker.Config)) *redisbroker.Broker {
	t.Helper()
	config := redisbroker.Config{URL: s.url(), Prefix: prefix, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range configure {
		c(&config)
	}
	b, err := redisbroker.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestBroker(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]func(*redisbroker.Config){
		"URL": func(*redisbroker.Config) {},
		"Client": func(c *redisbroker.Config) {
			c.Client, c.URL = open(t, c.URL), ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			var prefix string // of the broker that is open: the tests run one by one
			again := func(t testing.TB, b brokertest.Broker, end func()) brokertest.Broker {
				t.Helper()
				if err := b.(*redisbroker.Broker).Close(); err != nil { //nolint:forcetypeassert // Open made it
					t.Fatal(err)
				}
				end()
				s.start(t)
				return newBroker(t, s, prefix, configure)
			}
			brokertest.Run(t, brokertest.Suite{
				Patience: time.Minute, // other tests keep the machine busy
				Open: func(t testing.TB) brokertest.Broker {
					prefix = newPrefix()
					return newBroker(t, s, prefix, configure)
				},
				Break: func(brokertest.Broker) func() {
					s.kill(t)
					return func() { s.start(t) }
				},
				Lose: func(brokertest.Broker) { s.do(t, []any{"FLUSHALL"}) },
				Faults: brokertest.Faults{
					Restart: func(t testing.TB, b brokertest.Broker) brokertest.Broker {
						return again(t, b, func() { s.quit(t) })
					},
					Kill: func(t testing.TB, b brokertest.Broker) brokertest.Broker {
						return again(t, b, func() { s.kill(t) })
					},
					Join: func(t testing.TB, _ brokertest.Broker) brokertest.Broker {
						return newBroker(t, s, prefix, configure)
					},
					Freeze: func(t testing.TB, _ brokertest.Broker) func() {
						s.freeze(t)
						return s.thaw
					},
					Skew: func(t testing.TB, ahead time.Duration) brokertest.Broker {
						b := newBroker(t, s, newPrefix(), configure)
						redisbroker.SkewServer(b, ahead)
						return b
					},
					Rewind: func(t testing.TB, _ brokertest.Broker) func() {
						s.snapshot(t)
						return func() { s.rewind(t) }
					},
				},
			})
		})
	}
}
