package pgbroker_test

import (
	"database/sql"
	"testing"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/brokertest"
	"github.com/echo-pull/pull/pgbroker"
)

var _ pull.TxOutbox = (*pgbroker.Broker)(nil)

func TestTxOutbox(t *testing.T) {
	s := shared(t)
	var prefix string // of the outbox that is open: the tests run one by one
	brokertest.RunTx(t, brokertest.TxSuite{
		Open: func(t testing.TB) (brokertest.TxBroker, *sql.DB) {
			prefix = newPrefix()
			return newBroker(t, s, prefix), open(t, s.url())
		},
		Join: func(t testing.TB, _ brokertest.TxBroker) brokertest.TxBroker { return newBroker(t, s, prefix) },
	})
}
