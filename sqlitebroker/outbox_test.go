package sqlitebroker_test

import (
	"database/sql"
	"testing"

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
	})
}
