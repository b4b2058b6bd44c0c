package cluster_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"sync/atomic"
	"syscall"
)

// A deadly driver kills its own process with SIGKILL before a certain step: a
// call of the driver that begins or ends a transaction, or that concerns the
// outbox, its relay or the application's table.
type deadly struct {
	driver.Driver
	steps *atomic.Int64 // that are left
}

// openDeadly opens a database whose process dies before the step with the number.
func openDeadly(name, source string, step int64) (*sql.DB, error) {
	db, err := sql.Open(name, source)
	if err != nil {
		return nil, err
	}
	steps := new(atomic.Int64)
	steps.Store(step)
	d := deadly{db.Driver(), steps}
	return sql.OpenDB(deadlyConnector{d, source}), db.Close()
}

// before is called before each step.
func (d deadly) before(statement string) {
	for _, word := range []string{"", "outbox", "relay", "move", "number", "tasks", "next = next"} {
		if word == statement || word != "" && strings.Contains(statement, word) {
			if d.steps.Add(-1) == 0 {
				_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
				select {}
			}
			return
		}
	}
}

type deadlyConnector struct {
	deadly
	source string
}

func (c deadlyConnector) Driver() driver.Driver { return c.deadly }

func (c deadlyConnector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.Open(c.source)
	return deadlyConn{conn, c.deadly}, err
}

type deadlyConn struct {
	driver.Conn
	deadly
}

func (c deadlyConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	c.before("")
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, options) //nolint:forcetypeassert // both drivers have it
	return deadlyTx{tx, c.deadly}, err
}

func (c deadlyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.before(query)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args) //nolint:forcetypeassert // both drivers have it
}

func (c deadlyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.before(query)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args) //nolint:forcetypeassert // both drivers have it
}

func (c deadlyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query) //nolint:forcetypeassert // both drivers have it
	return deadlyStmt{stmt, c.deadly, query}, err
}

type deadlyTx struct {
	driver.Tx
	deadly
}

func (t deadlyTx) Commit() error {
	t.before("")
	return t.Tx.Commit()
}

func (t deadlyTx) Rollback() error {
	t.before("")
	return t.Tx.Rollback()
}

type deadlyStmt struct {
	driver.Stmt
	deadly
	query string
}

func (s deadlyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.before(s.query)
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args) //nolint:forcetypeassert // both drivers have it
}

func (s deadlyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.before(s.query)
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args) //nolint:forcetypeassert // both drivers have it
}
