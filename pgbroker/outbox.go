package pgbroker

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// InsertTx implements pull.TxOutbox: SendTx calls it. It inserts a row into the
// table of Config.Prefix and "outbox", takes no other lock, and notifies nobody.
func (b *Broker) InsertTx(ctx context.Context, tx interface { //nolint:inamedparam // that of pull.Tx
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, key string, message []byte,
) (err error) {
	if key == "" {
		_, err = tx.ExecContext(ctx, b.sql.insert, message)
	} else {
		_, err = tx.ExecContext(ctx, b.sql.replace, message, key)
	}
	return err
}

// What one call of Relay moves at most, unless one message has more bytes.
const (
	relayMessages = 512
	relayBytes    = 1 << 20
)

// A waiting is a message in the outbox.
type waiting struct {
	id      int64
	age     time.Duration // since it was inserted
	message []byte
}

// Relay implements pull.TxOutbox: the plugin calls it.
func (b *Broker) Relay(
	ctx context.Context,
	check func(message []byte) error,
	publish func(ctx context.Context, source string, numbers []uint64, messages [][]byte) error,
) (oldest time.Duration, more bool, err error) {
	found, err := b.waiting(ctx)
	if err != nil {
		b.restore(err) //nolint:contextcheck // for the next call
		return 0, false, fmt.Errorf("pgbroker: read the outbox: %w", b.explain(err))
	}
	if len(found) == 0 {
		return 0, false, nil
	}
	read := int64(0)
	for _, w := range found {
		read += int64(len(w.message))
	}
	good, size, err := b.sort(ctx, found, check)
	if err != nil {
		return found[0].age, false, fmt.Errorf("pgbroker: mark a message as failed: %w", err)
	}
	moved := true
	switch {
	case len(good) == 0:
	case publish == nil:
		moved, err = b.move(ctx, good, size)
	default:
		moved, err = b.forward(ctx, good, publish)
	}
	if err != nil || !moved {
		if err != nil {
			err = fmt.Errorf("pgbroker: move messages from the outbox: %w", b.explain(err))
		}
		return found[0].age, false, err
	}
	if full := len(found) == relayMessages || read >= relayBytes; full {
		return found[0].age, true, nil
	}
	return 0, false, nil
}

// waiting returns the messages that are to be moved next.
func (b *Broker) waiting(ctx context.Context) ([]waiting, error) {
	began := time.Now()
	after := b.horizon.begin(began)
	found, err := within(ctx, patience+forBytes(4*relayBytes), func(ctx context.Context, _ func(time.Duration)) (found []waiting, err error) {
		err = b.query(ctx, func(rows *sql.Rows) error {
			var w waiting
			var age int64
			err := rows.Scan(&w.id, &age, &w.message)
			w.age = max(time.Duration(age)*time.Microsecond, 1)
			found = append(found, w)
			return err
		}, b.sql.waiting, after)
		return found, err
	})
	last := int64(0)
	for _, w := range found {
		last = max(last, w.id)
	}
	b.horizon.end(after, time.Since(began), last)
	return found, err
}

// sort returns the ids of the messages that pass the check, and their size, and
// marks the others as failed.
func (b *Broker) sort(ctx context.Context, found []waiting, check func([]byte) error) (good []int64, size int64, err error) {
	bad := make(map[string][]int64) // by reason
	for _, w := range found {
		if reason := check(w.message); reason != nil {
			bad[reason.Error()] = append(bad[reason.Error()], w.id)
			continue
		}
		good = append(good, w.id)
		size += int64(len(w.message))
	}
	for reason, ids := range bad {
		if err := b.exec(ctx, b.sql.fail, array(ids), reason); err != nil {
			return nil, 0, err
		}
	}
	return good, size, nil
}

// move moves messages into the log, and reports whether there was one. It is one
// statement, so a node that freezes leaves no transaction open.
func (b *Broker) move(ctx context.Context, ids []int64, size int64) (moved bool, err error) {
	at, err := within(ctx, patience+forBytes(size), func(ctx context.Context, _ func(time.Duration)) (position, error) {
		known := b.newest()
		return b.append(ctx, b.sql.move, array(ids), known.epoch, known.offset, known.mark)
	})
	if err != nil || at.epoch == "" {
		return false, err
	}
	b.knows(at)
	b.wake()
	b.announce() //nolint:contextcheck // it outlives the call
	return true, nil
}

// exec runs a statement that returns nothing.
func (b *Broker) exec(ctx context.Context, statement string, args ...any) error {
	_, err := within(ctx, patience, func(ctx context.Context, _ func(time.Duration)) (struct{}, error) {
		return struct{}{}, b.query(ctx, func(*sql.Rows) error { return nil }, statement, args...)
	})
	return err
}

// query runs a statement and passes its rows to scan. It is READ COMMITTED: at other
// levels, the server would abort transactions of the application that insert into
// the outbox meanwhile.
func (b *Broker) query(ctx context.Context, scan func(*sql.Rows) error, statement string, args ...any) error {
	if !b.isolation {
		return each(scan)(b.db.QueryContext(ctx, statement, args...))
	}
	tx, err := b.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()

	if _, err := tx.ExecContext(ctx, `SET LOCAL idle_in_transaction_session_timeout = '3s'`); err != nil {
		return err
	}
	if err := each(scan)(tx.QueryContext(ctx, statement, args...)); err != nil {
		return err
	}
	return tx.Commit()
}

// each returns a function that passes the rows of a query to scan.
func each(scan func(*sql.Rows) error) func(*sql.Rows, error) error {
	return func(rows *sql.Rows, err error) error {
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	}
}

// array returns numbers as PostgreSQL writes an array: drivers encode texts alike,
// and arrays not.
func array(numbers []int64) string {
	text := []byte{'{'}
	for i, n := range numbers {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, n, 10)
	}
	return string(append(text, '}'))
}

// leaseTime is how long a node has the outbox for itself when it moves messages into
// another log. It ends earlier when they are moved.
const leaseTime = 4 * time.Second

// forward publishes messages of the outbox in another log and deletes them. It
// reports false if another node is doing that.
//
// Before it publishes, it gives each message a number that stays. Numbers rise, and
// a node that publishes one has before published all smaller ones that were still
// in the outbox. If two nodes publish a message, because one of them froze or was
// killed, its second copy has no larger number than what the log already has from
// the outbox, and nodes drop it.
func (b *Broker) forward(
	ctx context.Context, ids []int64,
	publish func(ctx context.Context, source string, numbers []uint64, messages [][]byte) error,
) (moved bool, err error) {
	n, err := b.number(ctx, ids)
	if err != nil || len(n.ids) == 0 {
		return false, err
	}
	defer func() { err = errors.Join(err, b.exec(context.WithoutCancel(ctx), b.sql.release, b.id)) }()

	if err := publish(ctx, n.source, n.numbers, n.messages); err != nil {
		return false, err
	}
	return true, b.exec(ctx, b.sql.remove, array(n.ids))
}

// numbered is messages that have numbers.
type numbered struct {
	source   string
	ids      []int64
	numbers  []uint64
	messages [][]byte
}

// number gives messages numbers; see pull_number.
func (b *Broker) number(ctx context.Context, ids []int64) (numbered, error) {
	return within(ctx, patience+forBytes(4*relayBytes), func(ctx context.Context, _ func(time.Duration)) (n numbered, err error) {
		err = b.query(ctx, func(rows *sql.Rows) error {
			var id, number int64
			var message []byte
			err := rows.Scan(&n.source, &id, &number, &message)
			n.ids, n.numbers, n.messages = append(n.ids, id), append(n.numbers, uint64(number)), append(n.messages, message) //nolint:gosec // above zero
			return err
		}, b.sql.number, array(ids), b.id, leaseTime.Microseconds())
		return n, err
	})
}
