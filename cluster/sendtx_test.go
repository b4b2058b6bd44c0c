package cluster_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/servertest"
	"github.com/echo-pull/pull/pgbroker"
	"github.com/echo-pull/pull/sqlitebroker"
)

// A ledger is a database with the application's table tasks, the outbox, and
// perhaps the log.
type ledger struct {
	driver, source string
}

// log returns the broker in the database.
func (l ledger) log(db *sql.DB) (pull.Broker, error) {
	if l.driver == "pgx" {
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

// open opens the application.
func (l ledger) open(db *sql.DB) (*relayApp, error) {
	log, err := l.log(db)
	if err != nil {
		return nil, err
	}
	p, err := pull.New(pull.Config{
		User:   func(echo.Context) (string, error) { return "1", nil },
		Broker: log, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
		return nil, err
	}
	a := &relayApp{echo.New(), p, db}
	a.echo.Use(p.Middleware())
	a.echo.POST("/:id/:end", pull.Handler(a.save))
	return a, nil
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

// saveUntilKilled is the process that dies, with the number of the step before
// which it does.
func saveUntilKilled(l ledger, step int64) error {
	db, err := openDeadly(l.driver, l.source, step)
	if err != nil {
		return err
	}
	a, err := l.open(db)
	if err != nil {
		return err
	}
	for _, path := range []string{"/1/commit", "/2/rollback", "/3/fail"} {
		a.echo.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, nil))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return errors.Join(a.Shutdown(ctx), db.Close())
}

// A process is killed between any two steps of transactions, of the relay and of
// the log. Whatever was committed is in the log, once, and nothing else.
func TestKilledBetweenAnyTwoStepsSendsWhatWasCommitted(t *testing.T) {
	if source := os.Getenv("PULL_KILL_SOURCE"); source != "" {
		step, err := strconv.ParseInt(os.Getenv("PULL_KILL_STEP"), 10, 64)
		if err = errors.Join(err, saveUntilKilled(ledger{os.Getenv("PULL_KILL_DRIVER"), source}, step)); err != nil {
			t.Fatal(err)
		}
		return
	}
	server := servertest.NewPostgres(t)
	ledgers := map[string]func(t *testing.T, step int) ledger{
		"sqlite": func(t *testing.T, _ int) ledger {
			return ledger{"sqlite", "file:" + filepath.Join(t.TempDir(), "app.db") + "?_txlock=immediate&_pragma=busy_timeout(5000)"}
		},
		"postgres": func(t *testing.T, step int) ledger {
			name := "step" + strconv.Itoa(step)
			if err := server.Exec("CREATE DATABASE " + name); err != nil {
				t.Fatal(err)
			}
			return ledger{"pgx", strings.Replace(server.URL(), "/postgres?", "/"+name+"?", 1)}
		},
	}
	for name, create := range ledgers {
		t.Run(name, func(t *testing.T) {
			step, different := 1, make(map[string]bool)
			for killed := true; killed; step++ {
				l := create(t, step)
				db := l.database(t)
				killed = runAndKill(t, l, step)
				saved, sent := l.compare(t, db, step)
				different[fmt.Sprint(saved, sent)] = true
				if step > 500 {
					t.Fatal("the process does not end")
				}
			}
			t.Logf("%d steps, %d different outcomes: %v", step-2, len(different), different)
			if step < 20 || len(different) < 3 {
				t.Errorf("got %d steps with %d different outcomes, want more: the process does not die between steps", step-2, len(different))
			}
		})
	}
}

// database opens the database, with the application's table and the broker's.
func (l ledger) database(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open(l.driver, l.source)
	if err == nil {
		_, err = db.Exec("CREATE TABLE tasks (id INTEGER PRIMARY KEY)")
	}
	if err == nil {
		_, err = l.log(db)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// runAndKill runs a process and reports whether it was killed.
func runAndKill(t *testing.T, l ledger, step int) bool {
	t.Helper()
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestKilledBetween")
	process.Env = append(os.Environ(), "PULL_KILL_DRIVER="+l.driver, "PULL_KILL_SOURCE="+l.source, "PULL_KILL_STEP="+strconv.Itoa(step))
	output, err := process.CombinedOutput()
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("step %d: %v\n%s", step, err, output)
	}
	return true
}

// compare relays what is left, as the next node does, and compares the table with
// the log. It returns what is in the table, and how much of it had been in the log
// when the process died.
func (l ledger) compare(t *testing.T, db *sql.DB, step int) (saved []int, before int) {
	t.Helper()
	log, err := l.log(db)
	if err != nil {
		t.Fatal(err)
	}
	var waiting int
	if err := db.QueryRow("SELECT count(*) FROM pull_outbox").Scan(&waiting); err != nil {
		t.Fatal(err)
	}
	if _, _, err := log.(pull.TxOutbox).Relay(t.Context(), func([]byte) error { return nil }, nil); err != nil {
		t.Fatalf("step %d: %v", step, err)
	}
	saved = tasks(t, db)
	if sent := readTasks(t, log); !slices.Equal(sent, saved) {
		t.Errorf("killed before step %d: got the events %v, want those of the tasks %v", step, sent, saved)
	}
	return saved, len(saved) - waiting
}

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

var task = regexp.MustCompile(`"command":"saved","params":{"task":(\d+)}`)

// readTasks returns the tasks of the events in the log.
func readTasks(t *testing.T, log pull.Broker) (all []int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := log.Publish(ctx, []byte("end")); err != nil {
		t.Fatal(err)
	}
	err := log.Subscribe(ctx, time.Hour, func(_ string, _ uint64, message []byte) {
		if found := task.FindSubmatch(message); found != nil {
			id, _ := strconv.Atoi(string(found[1]))
			all = append(all, id)
		}
		if string(message) == "end" {
			cancel()
		}
	})
	if err != nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("got %v and %v, want the end of the log", all, err)
	}
	return all
}
