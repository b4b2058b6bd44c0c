package push

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A dialect is what databases write in their own way.
type dialect struct {
	numbered  bool     // placeholders are $1, $2 … instead of ?
	oneWriter bool     // the database is a file that one connection writes at a time
	create    []string // makes the table
	save      string   // inserts a row, or replaces it
}

// Users are compared byte by byte, and hashes are the same in every collation.
func postgres() *dialect {
	d := sqlite()
	d.numbered, d.oneWriter = true, false
	d.create = []string{
		`CREATE TABLE IF NOT EXISTS pull_push (hash TEXT PRIMARY KEY, user_id TEXT COLLATE "C" NOT NULL, subscription TEXT NOT NULL, seen BIGINT NOT NULL)`,
		`CREATE INDEX IF NOT EXISTS pull_push_user ON pull_push (user_id, seen)`,
	}
	return d
}

func sqlite() *dialect {
	return &dialect{
		oneWriter: true,
		create: []string{
			`CREATE TABLE IF NOT EXISTS pull_push (hash TEXT PRIMARY KEY NOT NULL, user_id TEXT NOT NULL, subscription TEXT NOT NULL, seen INTEGER NOT NULL)`,
			`CREATE INDEX IF NOT EXISTS pull_push_user ON pull_push (user_id, seen)`,
		},
		save: `INSERT INTO pull_push (hash, user_id, subscription, seen) VALUES (?, ?, ?, ?)
			ON CONFLICT (hash) DO UPDATE SET user_id = excluded.user_id, subscription = excluded.subscription, seen = excluded.seen`,
	}
}

func mysql() *dialect {
	return &dialect{
		create: []string{
			`CREATE TABLE IF NOT EXISTS pull_push (hash CHAR(64) CHARACTER SET ascii NOT NULL PRIMARY KEY, user_id VARBINARY(255) NOT NULL,
				subscription TEXT CHARACTER SET utf8mb4 NOT NULL, seen BIGINT NOT NULL, INDEX pull_push_user (user_id, seen))`,
		},
		save: `INSERT INTO pull_push (hash, user_id, subscription, seen) VALUES (?, ?, ?, ?)
			ON DUPLICATE KEY UPDATE user_id = VALUES(user_id), subscription = VALUES(subscription), seen = VALUES(seen)`,
	}
}

// place writes the placeholders of a query, in which each ? is one.
func (d *dialect) place(query string) string {
	if !d.numbered {
		return query
	}
	var b strings.Builder
	number := 0
	for _, r := range query {
		if r == '?' {
			number++
			b.WriteString("$" + strconv.Itoa(number))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// prepare returns the dialect of the database, and makes sure that the table
// exists. After an error it tries again when it is called again.
func (s *SQLStore) prepare(ctx context.Context) (*dialect, error) {
	if d := s.ready.Load(); d != nil {
		return d, nil
	}
	err := s.inTurn(ctx, func() error {
		if s.ready.Load() != nil {
			return nil
		}
		d, err := s.detect(ctx)
		if err == nil {
			err = s.ensure(ctx, d)
		}
		if err == nil {
			s.ready.Store(d)
		}
		return err
	})
	return s.ready.Load(), err
}

// detect finds out which database it is, by what it calls its version.
func (s *SQLStore) detect(ctx context.Context) (*dialect, error) {
	var version string
	err := s.db.QueryRowContext(ctx, `SELECT version()`).Scan(&version)
	switch {
	case err != nil:
		if other := s.db.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&version); other != nil {
			return nil, fmt.Errorf("query the version of the database: %w", errors.Join(err, other))
		}
		return sqlite(), nil
	case strings.Contains(version, "PostgreSQL"), strings.Contains(version, "CockroachDB"):
		return postgres(), nil
	}
	return mysql(), nil
}

// ensure creates the table. If it exists, no right to create one is needed, and
// nothing waits for the locks of CREATE INDEX. If several processes create it at
// the same time, PostgreSQL lets all but one fail, in spite of IF NOT EXISTS.
func (s *SQLStore) ensure(ctx context.Context, d *dialect) error {
	if s.exists(ctx) {
		return nil
	}
	err := s.create(ctx, d)
	if err != nil && s.exists(ctx) {
		return nil
	}
	return err
}

func (s *SQLStore) exists(ctx context.Context) bool {
	var one int
	err := s.db.QueryRowContext(ctx, `SELECT 1 FROM pull_push WHERE 1 = 0`).Scan(&one)
	return err == nil || errors.Is(err, sql.ErrNoRows)
}

func (s *SQLStore) create(ctx context.Context, d *dialect) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range d.create {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("create the table pull_push: %w", err)
		}
	}
	return tx.Commit()
}
