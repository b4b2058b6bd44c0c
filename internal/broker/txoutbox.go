package broker

import (
	"context"
	"database/sql"
	"time"
)

// Tx is the transaction that SendTx writes to. *sql.Tx of database/sql has the
// method, and so have the transactions of sqlx, of ent with its feature
// sql/execquery, and the ConnPool of gorm's Statement. Package pgbroker adapts
// those of pgx. A database itself, such as a *sql.DB, has the method as well, and is
// not a transaction. It is an alias of an interface of the standard library's types, so
// that another module can implement [TxOutbox] without importing this one.
type Tx = interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// A TxOutbox is a transactional outbox: a table in the application's database,
// into which SendTx writes and from which the plugin moves events into the log.
// The brokers of the packages pgbroker and sqlitebroker implement it. It is safe
// for concurrent use.
type TxOutbox interface {
	// InsertTx writes a message as a part of the transaction. Messages with a
	// key that is not empty, and that have not left yet, are deleted if they
	// have the same key. InsertTx waits for no other transaction that inserts.
	InsertTx(ctx context.Context, tx Tx, key string, message []byte) error

	// Relay moves the messages of committed transactions that were inserted
	// first, in the order of their insertion and up to a bound of its own. A
	// transaction that commits late keeps no other message waiting; its messages
	// are moved after it has committed. A message for which check returns an
	// error is marked as failed, with the reason, and stays in the table.
	//
	// If publish is nil, the outbox and the log are in one database, and Relay
	// moves messages into this log: each exactly once. Otherwise Relay calls
	// publish, and deletes the messages after it has returned nil. It may publish
	// a message again, but then under the same number. source names the outbox,
	// the same one on every node. Numbers rise in the order in which messages are
	// first published. publish may write to the messages.
	//
	// Every node of an application calls Relay, and one of them works at a time.
	// If it dies, another continues within four seconds.
	//
	// Relay returns the age of the oldest message that is left, or 0, and whether
	// it should be called again at once. It returns when ctx ends.
	Relay(
		ctx context.Context,
		check func(message []byte) error,
		publish func(ctx context.Context, source string, numbers []uint64, messages [][]byte) error,
	) (oldest time.Duration, more bool, err error)
}

// Limited is implemented by a Broker whose log cannot hold messages of any size.
type Limited interface {
	// MaxMessageBytes returns the size of the largest message that Publish
	// accepts.
	MaxMessageBytes() int
}
