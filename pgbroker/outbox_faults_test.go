package pgbroker_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/echo-pull/pull/pgbroker"
)

// passes is a check that all messages pass.
func passes([]byte) error { return nil }

// A role may have another bytea_output, which pgx cannot read in text.
func TestOutboxDoesNotDependOnByteaOutput(t *testing.T) {
	s := newServer(t)
	s.exec(t, "ALTER ROLE postgres SET bytea_output = 'escape'")
	b := newBroker(t, s, "pull_", func(c *pgbroker.Config) { c.DB = open(t, s.url()+"&default_query_exec_mode=simple_protocol") })
	insert(t, b, open(t, s.url()), "", "\x00\xff\\").commit(t)
	var checked, published string

	_, _, err := b.Relay(t.Context(), func(m []byte) error { checked = string(m); return nil },
		func(_ context.Context, _ string, _ []uint64, messages [][]byte) error {
			published = string(messages[0])
			return nil
		})

	if err != nil || checked != "\x00\xff\\" || published != checked {
		t.Errorf("got %q, then %q and %v, want what was inserted", checked, published, err)
	}
}

// The clock of the server may be set back while a node has the outbox that dies.
func TestOutboxIsTakenOverAfterTheClockWasSetBack(t *testing.T) {
	s := newServer(t)
	b := newBroker(t, s, "pull_", func(c *pgbroker.Config) { c.DB = open(t, s.url()) })
	s.exec(t, "INSERT INTO pull_relay (holder, until) VALUES ('dead', clock_timestamp() + interval '1 hour')")
	insert(t, b, open(t, s.url()), "", "one").commit(t)
	published := 0

	_, _, err := b.Relay(t.Context(), passes, func(_ context.Context, _ string, _ []uint64, messages [][]byte) error {
		published += len(messages)
		return nil
	})

	if published != 1 || err != nil {
		t.Errorf("got %d messages and %v, want 1", published, err)
	}
}

// Large messages that cannot be sent are passed over at once.
func TestLargeMessageThatFailsKeepsNoOtherWaiting(t *testing.T) {
	s := newServer(t)
	b := newBroker(t, s, "pull_", func(c *pgbroker.Config) { c.DB = open(t, s.url()) })
	s.exec(t, "INSERT INTO pull_outbox (message) SELECT convert_to(repeat('b', 1100000), 'UTF8') FROM generate_series(1, 3)")
	insert(t, b, open(t, s.url()), "", "one").commit(t)
	var good []string
	check := func(m []byte) error {
		if len(m) > 1000 {
			return errors.New("too large")
		}
		good = append(good, string(m))
		return nil
	}

	for more := true; more; {
		var err error
		if _, more, err = b.Relay(t.Context(), check, nil); err != nil {
			t.Fatal(err)
		}
	}

	if !slices.Equal(good, []string{"one"}) {
		t.Errorf("until Relay had nothing more to do, it moved %q, want one", good)
	}
}

// An application may have a schema for each tenant, with a search_path for each
// transaction, and its migrations may have created the tables in all of them.
func TestOutboxIsThatOfTheBrokerWhateverTheSearchPath(t *testing.T) {
	s := newServer(t)
	db := open(t, s.url())
	b := newBroker(t, s, "pull_", func(c *pgbroker.Config) { c.DB = db })
	s.exec(t, "CREATE SCHEMA tenant")
	newBroker(t, s, "pull_", func(c *pgbroker.Config) { c.DB = open(t, s.url()+"&search_path=tenant") })
	for _, key := range []string{"", "key"} {
		tx, err := db.BeginTx(t.Context(), nil)
		if err == nil {
			_, err = tx.Exec("SET LOCAL search_path = tenant")
		}
		if err = errors.Join(err, b.InsertTx(t.Context(), tx, key, []byte("one")), tx.Commit()); err != nil {
			t.Fatal(err)
		}
	}
	moved := 0

	_, _, err := b.Relay(t.Context(), func([]byte) error { moved++; return nil }, nil)

	if moved != 2 || err != nil {
		t.Errorf("got %d messages and %v, want 2", moved, err)
	}
}

// The relay reads the outbox while transactions insert into it. If it did that with
// the level SERIALIZABLE, the server would abort some of them, and the relay.
func TestRelayAbortsNoSerializableTransaction(t *testing.T) {
	s := newServer(t)
	url := s.url() + "&default_transaction_isolation=serializable"
	var nodes []*pgbroker.Broker
	for range 2 {
		nodes = append(nodes, newBroker(t, s, "pull_", func(c *pgbroker.Config) { c.DB = open(t, url) }))
	}
	db := open(t, url)
	done, errs := make(chan struct{}), make(chan error, len(nodes))
	for _, node := range nodes {
		go func() {
			for {
				_, _, err := node.Relay(t.Context(), passes, func(context.Context, string, []uint64, [][]byte) error { return nil })
				select {
				case <-done:
					errs <- err
					return
				default:
				}
				if err != nil {
					errs <- err
					return
				}
			}
		}()
	}

	failed, began := 0, time.Now()
	for time.Since(began) < 2*time.Second {
		tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
		if err == nil {
			err = errors.Join(nodes[0].InsertTx(t.Context(), tx, "", []byte("one")), tx.Commit())
		}
		if err != nil {
			failed++
		}
	}
	close(done)

	for range nodes {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if failed > 0 {
		t.Errorf("%d transactions were aborted", failed)
	}
}
