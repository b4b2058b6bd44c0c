package pulltest_test

import (
	"context"
	"database/sql"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

// Events of transactions leave when they are committed, whatever the handler
// returns.
func TestSentSeesCommittedTransactions(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		var db table
		p := pulltest.New(t, pull.Config{TxOutbox: &db})
		page := pulltest.Open(t, p, "ann")
		c := pulltest.Context(t, p, nil, post(""), httptest.NewRecorder())
		committed, open := &tx{table: &db}, &tx{table: &db}
		earlier := &tx{table: &db}
		_ = p.SendTx(t.Context(), earlier, pull.User("ann"), pull.Event{Module: "m", Command: "earlier"})
		earlier.commit()

		sent := pulltest.Sent(t, p, func() {
			for _, x := range []*tx{committed, open} {
				if err := c.Pull().SendTx(x, pull.User("ann"), pull.Event{Module: "m", Command: "c", Key: "k"}); err != nil {
					t.Error(err)
				}
			}
			committed.commit()
			_ = c.Pull().Send(pull.User("ann"), pull.Event{Module: "m", Command: "discarded"})
			_ = pulltest.End(c, errOfTest)
		})

		sent.Only(t, pull.User("ann"), pull.Event{Module: "m", Command: "c", Key: "not known"})
		page.Expect(t, "m", "earlier", nil)
		page.Expect(t, "m", "c", nil)
		page.Refute(t, "m", "c")
		mend := pulltest.FailBroker(t, p, errOfTest)
		open.commit()
		pulltest.Sent(t, p, func() {}).None(t) // the log cannot be reached
		page.Refute(t, "m", "c")
		mend()
		pulltest.Sent(t, p, func() {}).None(t) // committed before
		page.Expect(t, "m", "c", nil)
	})
}

// A table is a transactional outbox in memory.
type table struct {
	mu     sync.Mutex // guards what follows
	rows   [][]byte
	number uint64
}

// A tx is a transaction.
type tx struct {
	table *table
	rows  [][]byte
}

func (x *tx) ExecContext(_ context.Context, _ string, args ...any) (sql.Result, error) {
	message, _ := args[0].([]byte)
	x.rows = append(x.rows, message)
	return nil, nil //nolint:nilnil // nobody looks at the result
}

func (x *tx) commit() {
	x.table.mu.Lock()
	defer x.table.mu.Unlock()

	x.table.rows = append(x.table.rows, x.rows...)
}

// InsertTx implements pull.TxOutbox.
func (*table) InsertTx(ctx context.Context, x pull.Tx, _ string, message []byte) error {
	_, err := x.ExecContext(ctx, "", message)
	return err
}

// Relay implements pull.TxOutbox.
func (db *table) Relay(
	ctx context.Context,
	check func([]byte) error,
	publish func(context.Context, string, []uint64, [][]byte) error,
) (time.Duration, bool, error) {
	db.mu.Lock()
	defer db.mu.Unlock()

	var numbers []uint64
	for _, message := range db.rows {
		db.number++
		numbers = append(numbers, db.number)
		if err := check(message); err != nil {
			return 0, false, err
		}
	}
	if len(numbers) == 0 {
		return 0, false, nil
	}
	err := publish(ctx, "table", numbers, db.rows)
	if err == nil {
		db.rows = nil
	}
	return 0, false, err
}
