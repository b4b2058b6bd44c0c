package cluster_test

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/modeltest"
	"github.com/echo-pull/pull/pgbroker"
	"github.com/echo-pull/pull/sqlitebroker"
)

// A ledger is a database with the application's table tasks and the outbox. The
// log is there, too, or in an engine.
type ledger struct {
	Driver, Source  string
	Engine, Address string // of the log; empty if it is in the database
}

// inDatabase returns the broker in the database.
func (l ledger) inDatabase(db *sql.DB) (pull.Broker, error) {
	if l.Driver == "pgx" {
		return pgbroker.New(pgbroker.Config{DB: db, Create: true, Logger: slog.New(slog.DiscardHandler)})
	}
	return sqlitebroker.New(sqlitebroker.Config{DB: db, Create: true, Logger: slog.New(slog.DiscardHandler)})
}

// A relayApp is an application that saves tasks and announces them in the same
// transaction.
type relayApp struct {
	echo *echo.Echo
	*pull.Plugin
	db *sql.DB
}

// open opens the application. If the log is in an engine, closer closes it.
func (l ledger) open(db *sql.DB, steps *countdown) (a *relayApp, closer func() error, err error) {
	config := pull.Config{
		User: func(c echo.Context) (string, error) {
			return cmp.Or(c.Request().Header.Get(modeltest.UserHeader), "1"), nil
		},
		Logger: slog.New(slog.DiscardHandler),
	}
	closer = func() error { return nil }
	if config.Broker, err = l.inDatabase(db); err != nil {
		return nil, nil, err
	}
	if l.Engine != "" {
		elsewhere, err := engineNamed(l.Engine).Open(l.Address)
		if err != nil {
			return nil, nil, err
		}
		config.TxOutbox, _ = config.Broker.(pull.TxOutbox)
		config.Broker, closer = deadlyLog{elsewhere.Broker, steps}, elsewhere.Close
	}
	p, err := pull.New(config)
	if err != nil {
		return nil, nil, err
	}
	if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
		return nil, nil, err
	}
	a = &relayApp{echo.New(), p, db}
	a.echo.Use(p.Middleware())
	p.Mount(a.echo.Group("/pull"))
	a.echo.POST("/:id/:end", pull.Handler(a.save))
	return a, closer, nil
}

// save inserts a task, and its event, and ends the transaction as the path wants.
func (a *relayApp) save(c pull.Context) error {
	ctx := c.Request().Context()
	id, err := strconv.Atoi(c.Param("id"))
	if err != nil {
		return err
	}
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // has no effect after Commit
	for i := range 2 {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO tasks (id) VALUES (%d)", 10*id+i)); err != nil {
			return err
		}
		event := pull.Event{Module: "tasks", Command: "saved", Params: map[string]int{"task": 10*id + i}}
		if err := c.Pull().SendTx(tx, pull.Shared(), event); err != nil {
			return err
		}
	}
	if c.Param("end") == "rollback" {
		return echo.ErrConflict
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if c.Param("end") == "fail" {
		return errors.New("the handler fails after the commit")
	}
	return c.NoContent(http.StatusNoContent)
}

// A victim is a process that saves tasks and dies before a step.
type victim struct {
	Ledger ledger
	First  int   // task, without its last digit
	Step   int64 // before which it dies
}

// The environment of a process that is a victim. It runs a test of this name.
const (
	victimVariable = "PULL_VICTIM"
	victimTest     = "TestKilledBetweenAnyTwoStepsSendsWhatWasCommitted"
)

// save saves tasks until the process dies.
func (v *victim) save() error {
	steps := countdownFrom(v.Step)
	db, err := openDeadly(v.Ledger.Driver, v.Ledger.Source, steps)
	if err != nil {
		return err
	}
	a, closer, err := v.Ledger.open(db, steps)
	if err != nil {
		return err
	}
	for i, end := range []string{"commit", "rollback", "fail"} {
		path := fmt.Sprintf("/%d/%s", v.First+i, end)
		a.echo.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, nil))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return errors.Join(a.Shutdown(ctx), closer(), db.Close())
}

// database opens the database, with the application's table and the broker's. The
// caller closes it.
func (l ledger) database(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open(l.Driver, l.Source)
	if err == nil {
		_, err = db.Exec("CREATE TABLE tasks (id INTEGER PRIMARY KEY)")
	}
	if err == nil {
		_, err = l.inDatabase(db)
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// run runs the process and reports whether it was killed.
func (v *victim) run(t *testing.T) bool {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+victimTest+"$")
	process.Env = append(os.Environ(), victimVariable+"="+string(text))
	output, err := process.CombinedOutput()
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if status, _ := exit.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		t.Fatalf("step %d: %v\n%s", v.Step, err, output)
	}
	return true
}

// awaitEnd waits until the database has ended what the killed process had begun: the
// server may still run its last statement, or roll back its transaction.
func (l ledger) awaitEnd(t *testing.T, db *sql.DB) {
	t.Helper()
	if l.Driver != "pgx" {
		return // the database was in the process
	}
	for end := time.Now().Add(20 * time.Second); ; {
		var connections int
		err := db.QueryRowContext(t.Context(),
			"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'").Scan(&connections)
		if err != nil {
			t.Fatal(err)
		}
		if connections <= db.Stats().OpenConnections {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections of the killed process are left", connections-db.Stats().OpenConnections)
		}
		<-time.After(time.Millisecond)
	}
}

// tasks returns the tasks in the table.
func tasks(t *testing.T, db *sql.DB) (all []int) {
	t.Helper()
	rows, err := db.Query("SELECT id FROM tasks ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
