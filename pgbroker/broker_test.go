package pgbroker_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
	t.Parallel()
	for name, test := range map[string]struct {
		configure func(*pgbroker.Config)
		begin     func(*server, testing.TB) // of an outage
		end       func(*server, testing.TB)
	}{
		"URL": {func(c *pgbroker.Config) { c.DB = nil }, (*server).freeze, func(s *server, _ testing.TB) { s.thaw() }},
		"DB":  {func(c *pgbroker.Config) { c.URL = "" }, (*server).kill, (*server).start},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lab{t: t, server: newServer(t, "-c", "max_connections=200"), configure: test.configure}
			brokertest.Run(t, brokertest.Suite{
				Open: func(t testing.TB) brokertest.Broker { return l.open(t, newPrefix()) },
				Break: func(brokertest.Broker) func() {
					test.begin(l.server, t)
					return func() { test.end(l.server, t) }
				},
				Lose:     l.lose,
				Patience: time.Minute, // other tests keep the machine busy
				Faults: brokertest.Faults{
					Restart: func(t testing.TB, b brokertest.Broker) brokertest.Broker {
						l.restart(t)
						return l.join(t, b)
					},
					Kill: func(t testing.TB, b brokertest.Broker) brokertest.Broker {
						l.kill(t)
						l.start(t)
						return l.join(t, b)
					},
					Join: l.join,
					Freeze: func(t testing.TB, _ brokertest.Broker) func() {
						l.freeze(t)
						return l.thaw
					},
					Delay:  l.delay,
					Skew:   l.skew,
					Notice: 2 * patience, // how soon it must be is the promise of a test of its own, which knows how busy the machine is
					Rewind: l.rewind,
				},
			})
		})
	}
}

// A lab breaks a server of its own.
type lab struct {
	*server
	t         *testing.T
	configure func(*pgbroker.Config)
}

// A labNode is a broker in a lab.
type labNode struct {
	*pgbroker.Broker
	prefix string
}

func (l *lab) open(t testing.TB, prefix string) *labNode {
	t.Helper()
	return &labNode{newBroker(t, l.server, prefix, l.configure), prefix}
}

func prefixOf(b brokertest.Broker) string { return b.(*labNode).prefix }

func (l *lab) join(t testing.TB, b brokertest.Broker) brokertest.Broker {
	t.Helper()
	return l.open(t, prefixOf(b))
}

func (l *lab) lose(b brokertest.Broker) {
	l.exec(l.t, "DROP TABLE "+prefixOf(b)+"log, "+prefixOf(b)+"meta CASCADE")
}

// delay replaces the function that publishes with one that sleeps before its end.
func (l *lab) delay(t testing.TB, b brokertest.Broker) {
	t.Helper()
	begin := "CREATE OR REPLACE FUNCTION " + prefixOf(b) + "publish("
	_, function, _ := strings.Cut(pgbroker.Schema(prefixOf(b)), begin)
	l.exec(t, begin+strings.Replace(function, "END $$", "PERFORM pg_sleep(random() * 0.003);\nEND $$", 1))
}

// skew opens a broker whose server has another clock: a function in a schema that
// comes before PostgreSQL's own.
func (l *lab) skew(t testing.TB, ahead time.Duration) brokertest.Broker {
	t.Helper()
	prefix := newPrefix()
	l.exec(t, "CREATE SCHEMA "+prefix+"clock",
		fmt.Sprintf("CREATE FUNCTION %sclock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT pg_catalog.clock_timestamp() + interval '%d s' $$", prefix, ahead/time.Second))
	url := l.url() + "&search_path=" + prefix + "clock,pg_catalog,public"
	b := newBroker(t, l.server, prefix, func(c *pgbroker.Config) { c.DB, c.URL = open(t, url), url }, l.configure)
	return &labNode{b, prefix}
}

// rewind puts back the rows of the tables.
func (l *lab) rewind(t testing.TB, b brokertest.Broker) func() {
	t.Helper()
	name := strings.NewReplacer("pull_", prefixOf(b)).Replace
	l.exec(t, name("CREATE TABLE pull_old_log AS SELECT * FROM pull_log"), name("CREATE TABLE pull_old_meta AS SELECT * FROM pull_meta"))
	return func() {
		l.exec(t, name("BEGIN; TRUNCATE pull_log, pull_meta; INSERT INTO pull_log SELECT * FROM pull_old_log; INSERT INTO pull_meta SELECT * FROM pull_old_meta; COMMIT"))
	}
}
