package natsbroker_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/brokertest"
	"github.com/echo-pull/pull/natsbroker"
)

var _ pull.Broker = (*natsbroker.Broker)(nil)

var prefixes atomic.Int64

// newPrefix returns one that no other test has.
func newPrefix() string { return fmt.Sprintf("test%d", prefixes.Add(1)) }

// newBroker returns a node's broker for the log with a prefix.
func newBroker(t testing.TB, s *server, prefix string, configure ...func(*natsbroker.Config)) *natsbroker.Broker {
	t.Helper()
	config := natsbroker.Config{URL: s.url(), Create: true, Prefix: prefix, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range configure {
		c(&config)
	}
	b, err := natsbroker.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestBroker(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]func(*natsbroker.Config){
		"file":   func(*natsbroker.Config) {},
		"memory": func(c *natsbroker.Config) { c.Memory = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			network := newProxy(t, s)
			through := func(c *natsbroker.Config) { c.URL = network.url() }
			var prefix string // of the broker that is open: the tests run one by one
			again := func(t testing.TB) brokertest.Broker { return newBroker(t, s, prefix, configure, through) }
			faults := brokertest.Faults{
				Join:   func(t testing.TB, _ brokertest.Broker) brokertest.Broker { return again(t) },
				Delay:  func(testing.TB, brokertest.Broker) { network.delay.Store(int64(2 * time.Millisecond)) },
				Freeze: func(t testing.TB, _ brokertest.Broker) func() { s.freeze(t); return s.thaw },
			}
			if name == "file" {
				faults.Restart = func(t testing.TB, b brokertest.Broker) brokertest.Broker {
					_ = b.(*natsbroker.Broker).Close()
					s.restart(t)
					return again(t)
				}
				faults.Kill = func(t testing.TB, b brokertest.Broker) brokertest.Broker {
					s.stop()
					_ = b.(*natsbroker.Broker).Close()
					s.start(t)
					return again(t)
				}
				faults.Rewind = func(t testing.TB, _ brokertest.Broker) func() { return s.snapshot(t) }
			}
			brokertest.Run(t, brokertest.Suite{
				Patience: time.Minute, // other tests keep the machine busy
				Open: func(t testing.TB) brokertest.Broker {
					prefix = newPrefix()
					network.delay.Store(0)
					return again(t)
				},
				Break: func(brokertest.Broker) func() { s.freeze(t); return s.thaw },
				Lose: func(brokertest.Broker) {
					if err := operator(t, s.url()).DeleteStream(t.Context(), prefix); err != nil {
						t.Fatal(err)
					}
				},
				Faults: faults,
			})
		})
	}
}
