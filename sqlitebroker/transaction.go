package sqlitebroker

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The values of PRAGMA synchronous.
const (
	normal = 1
	full   = 2
)

// durability is how the broker commits messages.
func (b *Broker) durability() int {
	if b.config.Full {
		return full
	}
	return normal
}

// write commits what f does, which begins with a statement that takes the write
// lock. f runs again if the lock cannot be had at once.
func (b *Broker) write(ctx context.Context, synchronous int, f func(tx *sql.Tx) error) error {
	conn, err := b.config.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("get a connection: %w", err)
	}
	defer conn.Close()
	restore, err := synchronize(ctx, conn, synchronous)
	if err != nil {
		return fmt.Errorf("set synchronous: %w", err)
	}
	defer restore()
	return b.retry(func() error {
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		if err := f(tx); err != nil {
			return errors.Join(err, rollback(conn, tx))
		}
		if err := tx.Commit(); err != nil {
			return errors.Join(fmt.Errorf("commit: %w", err), rollback(conn, tx))
		}
		return nil
	})
}

// rollback ends a transaction. A connection on which that fails, and which may
// still have the lock, is closed.
func rollback(conn *sql.Conn, tx *sql.Tx) error {
	err := tx.Rollback()
	if err == nil {
		return nil
	}
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return fmt.Errorf("roll back: %w", err)
}

// synchronize sets when a connection waits for the disk, and returns what resets
// it: the connection is the application's.
func synchronize(ctx context.Context, conn *sql.Conn, want int) (restore func(), err error) {
	var have int
	if err := conn.QueryRowContext(ctx, `PRAGMA synchronous`).Scan(&have); err != nil {
		return nil, err
	}
	if have == want {
		return func() {}, nil
	}
	set := func(ctx context.Context, value int) error {
		_, err := conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA synchronous=%d`, value))
		return err
	}
	return func() {
		if set(context.WithoutCancel(ctx), have) != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}, set(ctx, want)
}

// retry calls f again while the file is locked, for as long as Config.Busy.
func (b *Broker) retry(f func() error) error {
	const shortest, longest = time.Millisecond, 20 * time.Millisecond
	began := time.Now()
	for pause := shortest; ; pause = min(2*pause, longest) {
		err := f()
		if !isBusy(err) || time.Since(began) >= b.config.Busy {
			return err
		}
		<-time.After(pause)
	}
}

// isBusy tells whether another transaction was in the way. Drivers have error
// types of their own; the text is that of SQLite.
func isBusy(err error) bool { return err != nil && strings.Contains(err.Error(), "is locked") }
