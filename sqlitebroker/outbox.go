package sqlitebroker

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// InsertTx implements pull.TxOutbox: SendTx calls it. It inserts a row into the
// table of Config.Prefix and "outbox", which must be in the transaction's
// database.
func (b *Broker) InsertTx(ctx context.Context, tx interface { //nolint:inamedparam // that of pull.Tx
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, key string, message []byte,
) error {
	table := b.config.Prefix + "outbox"
	if key != "" {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE key = ? AND number IS NULL`, key); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO `+table+` (at, key, message) VALUES (?, nullif(?, ''), ?)`, time.Now().UnixNano(), key, message)
	return err
}

// What one call of Relay moves at most, unless one message has more bytes.
const (
	relayMessages = 512
	relayBytes    = 4 << 20
)

// A waiting is a message in the outbox.
type waiting struct {
	id      int64
	at      int64 // when it was inserted, Unix nanoseconds
	number  int64 // 0 if it has none
	message []byte
}

// Relay implements pull.TxOutbox: the plugin calls it.
func (b *Broker) Relay(
	ctx context.Context,
	check func(message []byte) error,
	publish func(ctx context.Context, source string, numbers []uint64, messages [][]byte) error,
) (oldest time.Duration, more bool, err error) {
	found, full, err := b.waiting(ctx)
	if err != nil {
		return 0, false, fmt.Errorf("sqlitebroker: read the outbox: %w", err)
	}
	if len(found) == 0 {
		return 0, false, nil
	}
	oldest = max(time.Since(time.Unix(0, found[0].at)), 1)
	good, err := b.sort(ctx, found, check)
	if err != nil {
		return oldest, false, fmt.Errorf("sqlitebroker: mark a message as failed: %w", err)
	}
	moved := true
	switch {
	case len(good) == 0:
	case publish == nil:
		err = b.await(ctx, &request{rows: good})
	default:
		moved, err = b.forward(ctx, good, publish)
	}
	if err != nil {
		return oldest, false, fmt.Errorf("sqlitebroker: move messages from the outbox: %w", err)
	}
	if moved && !full {
		oldest = 0
	}
	return oldest, moved && full, nil
}

// waiting returns the messages that are to be moved next, and whether there may be
// more.
func (b *Broker) waiting(ctx context.Context) (found []waiting, full bool, err error) {
	err = b.retry(ctx, func() error {
		found, full, err = b.readOutbox(ctx)
		return err
	})
	return found, full, err
}

func (b *Broker) readOutbox(ctx context.Context) (found []waiting, full bool, err error) {
	rows, err := b.queries.waiting.QueryContext(ctx, relayMessages)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = rows.Close() }()
	for size := 0; rows.Next(); {
		var w waiting
		if err := rows.Scan(&w.id, &w.at, &w.message); err != nil {
			return nil, false, err
		}
		if size += len(w.message); size > relayBytes && len(found) > 0 {
			return found, true, nil
		}
		found = append(found, w)
	}
	return found, len(found) == relayMessages, rows.Err()
}

// sort returns the ids of the messages that pass the check, and marks the others
// as failed.
func (b *Broker) sort(ctx context.Context, found []waiting, check func([]byte) error) (good []int64, err error) {
	reasons := make(map[int64]string)
	for _, w := range found {
		if reason := check(w.message); reason != nil {
			reasons[w.id] = reason.Error()
			continue
		}
		good = append(good, w.id)
	}
	if len(reasons) == 0 {
		return good, nil
	}
	return good, b.write(ctx, b.durability(), func(tx *sql.Tx) error {
		for id, reason := range reasons {
			if _, err := tx.StmtContext(ctx, b.queries.fail).ExecContext(ctx, reason, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// takeOut deletes messages from the outbox and returns those that were there, in
// the order in which they were inserted.
func (b *Broker) takeOut(ctx context.Context, tx *sql.Tx, ids []int64) ([][]byte, error) {
	found, err := scanWaiting(tx.StmtContext(ctx, b.queries.remove).QueryContext(ctx, encodeIDs(ids)))
	if err != nil {
		return nil, fmt.Errorf("take messages out of the outbox: %w", err)
	}
	slices.SortFunc(found, func(a, b waiting) int { return cmp.Compare(a.id, b.id) })
	messages := make([][]byte, len(found))
	for i, w := range found {
		messages[i] = w.message
	}
	return messages, nil
}

func scanWaiting(rows *sql.Rows, err error) (found []waiting, _ error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var w waiting
		if err := rows.Scan(&w.id, &w.message); err != nil {
			return nil, err
		}
		found = append(found, w)
	}
	return found, rows.Err()
}

// encodeIDs returns ids as a JSON array.
func encodeIDs(ids []int64) string {
	text := []byte{'['}
	for i, id := range ids {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, id, 10)
	}
	return string(append(text, ']'))
}
