package sqlitebroker_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/brokertest"
	"github.com/echo-pull/pull/sqlitebroker"
)

var _ pull.TxOutbox = (*sqlitebroker.Broker)(nil)

func TestTxOutbox(t *testing.T) {
	brokertest.RunTx(t, brokertest.TxSuite{
		Open: func(t testing.TB) (brokertest.TxBroker, *sql.DB) {
			n := start(t, newFile(t), nil)
			return n, n.db
		},
		Join: func(t testing.TB, b brokertest.TxBroker) brokertest.TxBroker {
			return start(t, b.(*node).file, nil)
		},
		Patience: 2 * time.Minute, // other tests keep the machine busy
	})
}

// The clock may be set back while a process has the outbox that dies.
func TestOutboxIsTakenOverAfterTheClockWasSetBack(t *testing.T) {
	n := start(t, newFile(t), nil)
	later := time.Now().Add(time.Hour).UnixNano()
	if _, err := n.db.Exec(`INSERT INTO pull_relay (id, source, number, holder, until) VALUES (1, 'outbox', 0, 'dead', ?)`, later); err != nil {
		t.Fatal(err)
	}
	if err := n.InsertTx(t.Context(), n.db, "", []byte("one")); err != nil {
		t.Fatal(err)
	}
	published := 0

	_, _, err := n.Relay(t.Context(), func([]byte) error { return nil }, func(_ context.Context, _ string, _ []uint64, messages [][]byte) error {
		published += len(messages)
		return nil
	})

	if published != 1 || err != nil {
		t.Errorf("got %d messages and %v, want 1", published, err)
	}
}
