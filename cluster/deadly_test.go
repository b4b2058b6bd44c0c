package cluster_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/echo-pull/pull"
)

// A countdown kills its own process with SIGKILL before a certain step.
type countdown struct{ left atomic.Int64 }

func countdownFrom(step int64) *countdown {
	c := new(countdown)
	c.left.Store(step)
	return c
}

func (c *countdown) step() {
	if c.left.Add(-1) == 0 {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// A deadly driver's steps are the calls that begin or end a transaction, or that
// concern the outbox, its relay or the application's table.
type deadly struct {
	driver.Driver
	steps *countdown
}

// openDeadly opens a database with a deadly driver.
func openDeadly(name, source string, steps *countdown) (*sql.DB, error) {
	db, err := sql.Open(name, source)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(deadlyConnector{deadly{db.Driver(), steps}, source}), db.Close()
}

// before is called before each call.
func (d deadly) before(statement string) {
	for _, word := range []string{"", "outbox", "relay", "move", "number", "tasks", "next = next"} {
		if word == statement || word != "" && strings.Contains(statement, word) {
			d.steps.step()
			return
		}
	}
}

// A deadlyLog's steps are around each Publish of events of tasks.
type deadlyLog struct {
	pull.Broker
	steps *countdown
}

func (l deadlyLog) Publish(ctx context.Context, messages ...[]byte) error {
	if !slices.ContainsFunc(messages, task.Match) {
		return l.Broker.Publish(ctx, messages...)
	}
	l.steps.step()
	defer l.steps.step()
	return l.Broker.Publish(ctx, messages...)
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
