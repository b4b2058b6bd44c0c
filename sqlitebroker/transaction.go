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

// A lease is a connection that the broker has borrowed from the application, and
// that waits for the disk as the broker wants.
type lease struct {
	broker      *Broker
	synchronous int
	conn        *sql.Conn // nil until it is needed
	restore     func()
}

// begin borrows the connection.
func (l *lease) begin(ctx context.Context) (err error) {
	if l.conn != nil {
		return nil
	}
	if l.conn, err = l.broker.config.DB.Conn(ctx); err != nil {
		l.conn = nil
		return fmt.Errorf("get a connection: %w", err)
	}
	if l.restore, err = synchronize(ctx, l.conn, l.synchronous); err != nil {
		_ = l.conn.Close()
		l.conn = nil
		return fmt.Errorf("set synchronous: %w", err)
	}
	return nil
}

// end gives the connection back as it was.
func (l *lease) end() {
	if l.conn != nil {
		l.restore()
		_ = l.conn.Close()
		l.conn = nil
	}
}

// write commits what f does, which begins with a statement that takes the write
// lock. f runs again if the lock cannot be had at once.
func (l *lease) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	return l.broker.retry(ctx, func() error {
		err := l.begin(ctx)
		if err == nil {
			err = l.try(ctx, f)
		}
		if err != nil {
			l.end() // others need a connection meanwhile
		}
		return err
	})
}

func (l *lease) try(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := l.conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(tx); err != nil {
		return errors.Join(err, rollback(l.conn, tx))
	}
	if err := tx.Commit(); err != nil {
		return errors.Join(fmt.Errorf("commit: %w", err), rollback(l.conn, tx))
	}
	return nil
}

// write is lease.write on a connection that is given back at once.
func (b *Broker) write(ctx context.Context, synchronous int, f func(tx *sql.Tx) error) error {
	l := &lease{broker: b, synchronous: synchronous}
	defer l.end()
	return l.write(ctx, f)
}

// rollback ends a transaction. A connection on which that fails, and which may
// still have the lock, is closed.
func rollback(conn *sql.Conn, tx *sql.Tx) error {
	err := tx.Rollback()
	if err == nil || strings.Contains(err.Error(), "no transaction is active") { // SQLite has rolled back
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

// retry calls f again while the file is locked, for as long as Config.Busy. Even a
// reader can find it locked, while another process opens or closes it.
func (b *Broker) retry(ctx context.Context, f func() error) error {
	const shortest, longest = time.Millisecond, 20 * time.Millisecond
	began := time.Now()
	for pause := shortest; ; pause = min(2*pause, longest) {
		err := f()
		if !isBusy(err) || ctx.Err() != nil || time.Since(began) >= b.config.Busy {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// isBusy tells whether another transaction was in the way. Drivers have error
// types of their own; the text is that of SQLite.
func isBusy(err error) bool { return err != nil && strings.Contains(err.Error(), "is locked") }
