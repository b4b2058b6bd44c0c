package push

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"
)

// A SQLStore keeps subscriptions in the table pull_push of a database: PostgreSQL,
// SQLite, MySQL or MariaDB. It creates the table when it first needs it, with a
// right to do so only if the table is missing. It is a [Lister], too.
//
// A row has the columns hash (SHA-256 of the endpoint in hexadecimal, the primary
// key), user_id, subscription (JSON) and seen (milliseconds since 1970).
//
// A SQLite file has one writer at a time. Calls of one store wait in line for it,
// until their contexts end, and up to five seconds while another process has it.
type SQLStore struct {
	db    *sql.DB
	ready atomic.Pointer[dialect] // nil until the table exists
	turn  chan struct{}           // held by the caller that prepares or uses a SQLite file
	done  time.Time               // when the file was last not busy; guarded by turn
	busy  error                   // the error of the last of them, if it was; guarded by turn
}

// NewSQLStore returns a store in a database. It does not connect. The caller closes
// the database, after the plugin's shutdown.
func NewSQLStore(db *sql.DB) *SQLStore {
	return &SQLStore{db: db, turn: make(chan struct{}, 1)}
}

// busyPatience is how long a SQLite file may be busy: by default, SQLite returns an
// error at once if another connection is writing.
const busyPatience = 5 * time.Second

// inTurn calls f when no other caller's is running, and again while other processes
// keep a SQLite file busy. SQLite gives those that wait no order, so if they were not
// in line here, some would never get the file from a slow disk.
func (s *SQLStore) inTurn(ctx context.Context, f func() error) error {
	busySince := time.Now()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.done.After(busySince) {
		busySince = s.done // until then it was this store that kept the file busy
	}
	if s.busy != nil && time.Since(busySince) >= busyPatience {
		return s.busy // those before have tried in vain meanwhile
	}
	for {
		err := f()
		if err == nil || !isBusy(err) {
			s.done, s.busy = time.Now(), nil
			return err
		}
		s.busy = err
		if time.Since(busySince) >= busyPatience {
			return err
		}
		select {
		case <-time.After(time.Millisecond + rand.N(20*time.Millisecond)): //nolint:gosec // no secret
		case <-ctx.Done():
			return err
		}
	}
}

// isBusy reports whether an error is SQLITE_BUSY or SQLITE_LOCKED, as all drivers
// write them.
func isBusy(err error) bool {
	text := err.Error()
	return strings.Contains(text, "database is locked") || strings.Contains(text, "database table is locked") || strings.Contains(text, "SQLITE_BUSY")
}

// seenStep is how much later a use must be than the last one to be written.
const seenStep = time.Hour

// Save adds or moves a subscription, see [Store].
func (s *SQLStore) Save(ctx context.Context, user string, subscription Subscription) error {
	d, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(subscription)
	if err != nil {
		return err
	}
	hash := hashOf(subscription.Endpoint)
	if err := s.exec(ctx, d, d.save, hash, user, string(text), time.Now().UnixMilli()); err != nil {
		return err
	}
	surplus, err := s.texts(ctx, d, `SELECT hash FROM pull_push WHERE user_id = ? AND hash <> ? ORDER BY seen DESC LIMIT 1000 OFFSET ?`, user, hash, MaxDevices-1)
	if err != nil {
		return err
	}
	for _, old := range surplus {
		if err := s.exec(ctx, d, `DELETE FROM pull_push WHERE hash = ? AND user_id = ?`, old, user); err != nil {
			return err
		}
	}
	return nil
}

// Of returns the subscriptions of a user, see [Store].
func (s *SQLStore) Of(ctx context.Context, user string) ([]Subscription, error) {
	d, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	texts, err := s.texts(ctx, d, `SELECT subscription FROM pull_push WHERE user_id = ?`, user)
	if err != nil {
		return nil, err
	}
	all := make([]Subscription, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &all[i]); err != nil {
			return nil, fmt.Errorf("a row of pull_push: %w", err)
		}
	}
	return all, nil
}

// Delete deletes a subscription of a user, see [Store].
func (s *SQLStore) Delete(ctx context.Context, user, endpoint string) error {
	d, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	return s.exec(ctx, d, `DELETE FROM pull_push WHERE hash = ? AND user_id = ?`, hashOf(endpoint), user)
}

// Seen notes when a subscription was last used, see [Store]. It writes once an hour
// at most.
func (s *SQLStore) Seen(ctx context.Context, endpoint string, at time.Time) error {
	d, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	return s.exec(ctx, d, `UPDATE pull_push SET seen = ? WHERE hash = ? AND seen <= ?`, at.UnixMilli(), hashOf(endpoint), at.Add(-seenStep).UnixMilli())
}

// Users returns users in the order of their ids, see [Lister].
func (s *SQLStore) Users(ctx context.Context, after string, limit int) ([]string, error) {
	d, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	return s.texts(ctx, d, `SELECT DISTINCT user_id FROM pull_push WHERE user_id > ? ORDER BY user_id LIMIT ?`, after, limit)
}

func (s *SQLStore) exec(ctx context.Context, d *dialect, query string, args ...any) error {
	write := func() error {
		_, err := s.db.ExecContext(ctx, d.place(query), args...)
		return err
	}
	if d.oneWriter {
		return s.inTurn(ctx, write)
	}
	return write()
}

// texts returns the only column of a query's rows. In SQLite's WAL mode those that
// read do not wait for those that write, so they get in line only if they must.
func (s *SQLStore) texts(ctx context.Context, d *dialect, query string, args ...any) (texts []string, err error) {
	read := func() error {
		texts, err = s.query(ctx, d, query, args...)
		return err
	}
	if err := read(); err == nil || !d.oneWriter || !isBusy(err) {
		return texts, err
	}
	err = s.inTurn(ctx, read)
	return texts, err
}

func (s *SQLStore) query(ctx context.Context, d *dialect, query string, args ...any) (texts []string, err error) {
	rows, err := s.db.QueryContext(ctx, d.place(query), args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, rows.Err()
}

// hashOf returns the key of an endpoint, which is too long for the keys of MySQL.
func hashOf(endpoint string) string {
	sum := sha256.Sum256([]byte(endpoint))
	return hex.EncodeToString(sum[:])
}
