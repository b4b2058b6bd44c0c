package pgbroker

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5"
)

// PgxTx adapts a transaction of pgx for SendTx:
//
//	tx, err := pool.Begin(ctx)
//	…
//	err = c.Pull().SendTx(pgbroker.PgxTx(tx), target, event)
func PgxTx(tx pgx.Tx) interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
} {
	if tx == nil {
		return nil
	}
	return pgxTx{tx}
}

type pgxTx struct{ tx pgx.Tx }

// ExecContext implements pull.Tx.
func (t pgxTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	tag, err := t.tx.Exec(ctx, query, args...)
	return pgxResult(tag.RowsAffected()), err
}

// A pgxResult is a number of rows.
type pgxResult int64

// LastInsertId implements sql.Result. PostgreSQL has no such thing.
func (pgxResult) LastInsertId() (int64, error) {
	return 0, errors.New("pgbroker: PostgreSQL has no LastInsertId")
}

// RowsAffected implements sql.Result.
func (r pgxResult) RowsAffected() (int64, error) { return int64(r), nil }
