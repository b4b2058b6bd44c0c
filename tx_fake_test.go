package pull_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/echo-pull/pull"
)

// A txTable is a transactional outbox in memory, which fails on demand.
type txTable struct {
	mu      sync.Mutex // guards the fields below
	rows    []txRow
	number  uint64
	reads   int                   // calls of Relay
	err     error                 // Relay fails
	crashes int                   // that many times, messages are published and stay in the table
	log     func(...[]byte) error // the log beside the table; nil for another log
}

type txRow struct {
	key     string
	message []byte
	number  uint64
	failed  error
	at      time.Time
}

// A fakeTx is a transaction of the application.
type fakeTx struct {
	table *txTable
	err   error // ExecContext fails
	rows  []txRow
}

func (x *fakeTx) ExecContext(ctx context.Context, _ string, args ...any) (sql.Result, error) {
	if err := errors.Join(x.err, ctx.Err()); err != nil {
		return nil, err
	}
	key, _ := args[0].(string)
	message, _ := args[1].([]byte)
	if key != "" {
		x.rows = slices.DeleteFunc(x.rows, func(r txRow) bool { return r.key == key })
	}
	x.rows = append(x.rows, txRow{key: key, message: message, at: time.Now()})
	return nil, nil //nolint:nilnil // nobody looks at the result
}

func (x *fakeTx) commit() { x.table.insert(x.rows...) }

func (o *txTable) begin() *fakeTx { return &fakeTx{table: o} }

func (o *txTable) insert(rows ...txRow) {
	o.mu.Lock()
	defer o.mu.Unlock()

	o.rows = append(o.rows, rows...)
}

func (o *txTable) set(change func(*txTable)) {
	o.mu.Lock()
	defer o.mu.Unlock()

	change(o)
}

func (*txTable) InsertTx(ctx context.Context, tx pull.Tx, key string, message []byte) error {
	_, err := tx.ExecContext(ctx, "INSERT", key, message)
	return err
}

func (o *txTable) Relay(
	ctx context.Context,
	check func([]byte) error,
	publish func(context.Context, string, []uint64, [][]byte) error,
) (oldest time.Duration, more bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()

	o.reads++
	var numbers []uint64
	var messages [][]byte
	for i := range o.rows {
		r := &o.rows[i]
		if r.failed == nil {
			r.failed = check(r.message)
		}
		if r.failed != nil {
			continue
		}
		if oldest == 0 {
			oldest = max(time.Since(r.at), 1)
		}
		if r.number == 0 {
			o.number++
			r.number = o.number
		}
		numbers, messages = append(numbers, r.number), append(messages, bytes.Clone(r.message))
	}
	switch {
	case o.err != nil:
		return oldest, false, o.err
	case len(messages) == 0:
		return 0, false, nil
	case o.log != nil:
		err = o.log(messages...)
	default:
		err = publish(ctx, "table", numbers, messages)
	}
	if err != nil {
		return oldest, false, err
	}
	if o.crashes > 0 {
		o.crashes--
		return oldest, false, errors.New("the node has crashed")
	}
	o.rows = slices.DeleteFunc(o.rows, func(r txRow) bool { return r.failed == nil })
	return 0, false, nil
}

// A txBroker is a log and an outbox in one database.
type txBroker struct {
	pull.Broker
	*txTable
}

func newTxBroker() txBroker {
	memory := new(pull.Memory)
	return txBroker{memory, &txTable{log: func(messages ...[]byte) error { return memory.Publish(context.Background(), messages...) }}}
}
