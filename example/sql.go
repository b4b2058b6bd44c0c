package main

import (
	"context"
	"database/sql"
	"errors"
)

// A sqlStore keeps the list in a table of PostgreSQL or SQLite. A change and its
// event are one transaction: both happen or neither does, even if the node dies in
// between. The database orders the changes of a task, and with them their events.
type sqlStore struct{ db *sql.DB }

func openSQL(db *sql.DB) (sqlStore, error) {
	return sqlStore{db}, createTable(context.Background(), db,
		`CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, title TEXT NOT NULL, done BOOLEAN NOT NULL)`)
}

// createTable creates a table if it is missing; a real application has migrations.
// Nodes that start at the same time may disturb one another there, so it tries
// twice.
func createTable(ctx context.Context, db *sql.DB, statement string) error {
	_, err := db.ExecContext(ctx, statement)
	if err != nil {
		_, err = db.ExecContext(ctx, statement)
	}
	return err
}

func (s sqlStore) all(ctx context.Context) (list, error) {
	l := list{Tasks: make(map[string]task)}
	rows, err := s.db.QueryContext(ctx, `SELECT id, title, done FROM tasks`)
	if err != nil {
		return l, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var t task
		if err := rows.Scan(&t.ID, &t.Title, &t.Done); err != nil {
			return l, err
		}
		l.Tasks[t.ID] = t
	}
	return l, rows.Err()
}

func (s sqlStore) add(ctx context.Context, t task, announce announcer) error {
	return s.change(ctx, announce, `INSERT INTO tasks (id, title, done) VALUES ($1, $2, $3)
		RETURNING id, title, done`, t.ID, t.Title, t.Done)
}

func (s sqlStore) update(ctx context.Context, t task, announce announcer) error {
	return s.change(ctx, announce, `UPDATE tasks SET title = $2, done = $3 WHERE id = $1
		RETURNING id, title, done`, t.ID, t.Title, t.Done)
}

func (s sqlStore) remove(ctx context.Context, id string, announce announcer) error {
	return s.change(ctx, announce, `DELETE FROM tasks WHERE id = $1
		RETURNING id, title, done`, id)
}

// change changes a task and announces that in the same transaction. The change
// comes first: it locks the task until the event is committed with it.
func (s sqlStore) change(ctx context.Context, announce announcer, query string, args ...any) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // has no effect after Commit

	var t task
	err = tx.QueryRowContext(ctx, query, args...).Scan(&t.ID, &t.Title, &t.Done)
	if errors.Is(err, sql.ErrNoRows) {
		return errGone
	}
	if err != nil {
		return err
	}
	if err := announce(tx, t); err != nil {
		return err
	}
	return tx.Commit()
}
