package pgbroker

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"strings"
)

//go:embed schema.sql
var schema string

// version is what schema.sql writes into the meta table.
const version = 1

// Schema returns the SQL that creates the tables and functions of the broker for
// a Config.Prefix; "" is the default.
func Schema(prefix string) string {
	if prefix == "" {
		prefix = "pull_"
	}
	_, bare, qualified := strings.Cut(prefix, ".")
	if !qualified {
		bare = prefix
	}
	return strings.NewReplacer("pull_", prefix, "{bare}", bare).Replace(schema)
}

// prepare makes sure that the tables are there and can hold the log.
func (b *Broker) prepare(ctx context.Context) error {
	missing, err := b.inspect(ctx)
	if err != nil || !missing {
		return err
	}
	if !b.config.Create {
		return fmt.Errorf("the database has no table %slog. Set Config.Create, or run this SQL:\n\n%s", b.config.Prefix, Schema(b.config.Prefix))
	}
	if err := b.create(ctx); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	_, err = b.inspect(ctx)
	return err
}

// create runs the schema unless another node has just done so.
func (b *Broker) create(ctx context.Context) error {
	tx, err := b.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()

	var exists bool
	_, err = tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(1886743660, 0)`)
	if err == nil {
		err = tx.QueryRowContext(ctx, b.sql.exists).Scan(&exists)
	}
	if err != nil || exists {
		return err
	}
	for statement := range strings.SplitSeq(Schema(b.config.Prefix), ";\n\n") {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// inspect reports whether the tables are missing, and returns an error for what
// would make the log unreliable.
func (b *Broker) inspect(ctx context.Context) (missing bool, err error) {
	var fault sql.NullString
	err = b.db.QueryRowContext(ctx, b.sql.inspect).Scan(&fault)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err == nil && fault.String != "" {
		err = fmt.Errorf("table %slog cannot hold the log: %s", b.config.Prefix, fault.String)
	}
	if err != nil {
		return false, err
	}
	var got int
	err = b.db.QueryRowContext(ctx, b.sql.version).Scan(&got)
	switch {
	case errors.Is(err, sql.ErrNoRows): // the next publish writes another
		return false, nil
	case err == nil && got != version:
		err = fmt.Errorf("table %smeta has version %d, this module needs %d", b.config.Prefix, got, version)
	}
	return false, err
}
