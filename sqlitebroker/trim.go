package sqlitebroker

import (
	"context"
	"database/sql"
)

// Old messages are deleted in transactions of so many messages and bytes.
const (
	trimMessages = 512
	trimBytes    = 4 << 20
)

// trim deletes the oldest messages, and asks to be called again if more are left.
func (b *Broker) trim(ctx context.Context, l *lease) {
	var deleted int64
	oldest := b.clock().Add(-b.config.KeepAge).UnixNano()
	err := l.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.StmtContext(ctx, b.queries.trim).ExecContext(ctx, oldest, b.config.KeepCount, trimMessages, trimBytes)
		if err != nil {
			return err
		}
		deleted, err = result.RowsAffected()
		return err
	})
	failed := err != nil && !isBusy(err)
	if failed && !b.trimFailed { // once
		b.config.Logger.Error("sqlitebroker: old messages could not be deleted", "file", b.path, "error", err)
	}
	b.trimFailed = failed

	b.mu.Lock()
	defer b.mu.Unlock()

	if deleted > 0 {
		b.trimming = true
		b.published -= int(deleted)
		return
	}
	b.published = 0
}
