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

// prepare makes sure that the tables and functions are there, and that they can
// hold the log.
func (b *Broker) prepare(ctx context.Context) error {
	missing, err := b.inspect(ctx, b.db)
	if err != nil || missing == "" {
		return err
	}
	if !b.config.Create {
		return fmt.Errorf("%s is missing in the database. Set Config.Create, or run this SQL, which leaves what is there:\n\n%s",
			missing, Schema(b.config.Prefix))
	}
	if err := b.create(ctx); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	if missing, err = b.inspect(ctx, b.db); err == nil && missing != "" {
		err = fmt.Errorf("%s is missing, although it was created", missing)
	}
	return err
}

// create runs the schema unless another node has just done so.
func (b *Broker) create(ctx context.Context) error {
	tx, err := b.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()

	for _, statement := range []string{
		"SET LOCAL lock_timeout = 0", // nodes that start together wait for the first one
		"SET LOCAL statement_timeout = 0",
		"SELECT pg_advisory_xact_lock(1886743660, 0)",
	} {
		if _, err = tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if missing, err := b.inspect(ctx, tx); err != nil || missing == "" {
		return err
	}
	for statement := range strings.SplitSeq(Schema(b.config.Prefix), ";\n\n") {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// inspect returns what is missing, or an error for what would make the log
// unreliable.
func (b *Broker) inspect(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
},
) (missing string, err error) {
	var fault sql.NullString
	err = db.QueryRowContext(ctx, b.sql.inspect).Scan(&fault)
	if errors.Is(err, sql.ErrNoRows) {
		return "the table " + b.config.Prefix + "log", nil
	}
	if what, isMissing := strings.CutSuffix(fault.String, " is missing"); err == nil && isMissing {
		return what, nil
	}
	if err == nil && fault.String != "" {
		err = fmt.Errorf("table %slog cannot hold the log: %s", b.config.Prefix, fault.String)
	}
	if err != nil {
		return "", err
	}
	var got int
	err = db.QueryRowContext(ctx, b.sql.version).Scan(&got)
	switch {
	case errors.Is(err, sql.ErrNoRows): // the next publish writes another
		return "", nil
	case err == nil && got != version:
		err = fmt.Errorf("table %smeta has version %d, this module needs %d", b.config.Prefix, got, version)
	}
	return "", err
}
