package sqlitebroker

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// leaseTime is how long a process has the outbox for itself when it moves messages
// into another log. It ends earlier when they are moved.
const leaseTime = 4 * time.Second

// forward publishes messages of the outbox in another log and deletes them. It
// reports false if another process is doing that.
//
// Before it publishes, it gives each message a number that stays. Numbers rise, and
// a process that publishes one has before published all smaller ones that were
// still in the outbox. If two processes publish a message, because one of them
// froze or was killed, its second copy has no larger number than what the log
// already has from the outbox, and nodes drop it.
func (b *Broker) forward(
	ctx context.Context, ids []int64,
	publish func(ctx context.Context, source string, numbers []uint64, messages [][]byte) error,
) (moved bool, err error) {
	source, found, err := b.number(ctx, ids)
	if err != nil || len(found) == 0 {
		return false, err
	}
	defer func() { err = errors.Join(err, b.release(ctx)) }()

	numbers, messages := make([]uint64, len(found)), make([][]byte, len(found))
	published := make([]int64, len(found))
	for i, w := range found {
		numbers[i], messages[i], published[i] = uint64(w.number), w.message, w.id //nolint:gosec // above zero
	}
	if err := publish(ctx, source, numbers, messages); err != nil {
		return false, err
	}
	err = b.write(ctx, b.durability(), func(tx *sql.Tx) error {
		_, err := b.takeOut(ctx, tx, published)
		return err
	})
	return err == nil, err
}

// number takes the outbox for leaseTime, unless another process has it, gives
// messages their numbers, and returns those that are still there. It returns none
// if other messages have numbers: those come first. The numbers are on the disk
// before they are used. They begin with the time, so that they rise even if the
// database is replaced with an older copy.
func (b *Broker) number(ctx context.Context, ids []int64) (source string, found []waiting, err error) {
	list := encodeIDs(ids)
	err = b.write(ctx, full, func(tx *sql.Tx) error {
		last, others, now := int64(0), false, time.Now()
		row := tx.StmtContext(ctx, b.queries.claim).QueryRowContext(ctx, b.holder, now.UnixNano(), now.Add(leaseTime).UnixNano())
		if err := row.Scan(&source, &last); err != nil {
			return err
		}
		row = tx.StmtContext(ctx, b.queries.others).QueryRowContext(ctx, list)
		if err := row.Scan(&others); err != nil || others {
			return err
		}
		if err := b.setNumbers(ctx, tx, max(last, now.UnixMicro()), ids); err != nil {
			return err
		}
		found, err = scanNumbered(tx.StmtContext(ctx, b.queries.numbered).QueryContext(ctx, list))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) { // another process has it
		err = nil
	}
	return source, found, err
}

// setNumbers gives messages that have none the numbers after last.
func (b *Broker) setNumbers(ctx context.Context, tx *sql.Tx, last int64, ids []int64) error {
	for _, id := range ids {
		last++
		if _, err := tx.StmtContext(ctx, b.queries.number).ExecContext(ctx, last, id); err != nil {
			return err
		}
	}
	_, err := tx.StmtContext(ctx, b.queries.count).ExecContext(ctx, last)
	return err
}

func scanNumbered(rows *sql.Rows, err error) (found []waiting, _ error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var w waiting
		if err := rows.Scan(&w.id, &w.number, &w.message); err != nil {
			return nil, err
		}
		found = append(found, w)
	}
	return found, rows.Err()
}

// release ends the lease. If that fails, it ends by itself.
func (b *Broker) release(ctx context.Context) error {
	return b.write(context.WithoutCancel(ctx), b.durability(), func(tx *sql.Tx) error {
		_, err := tx.StmtContext(ctx, b.queries.release).ExecContext(context.WithoutCancel(ctx), b.holder)
		return err
	})
}
