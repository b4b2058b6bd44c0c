package cluster_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/servertest"
)

// A process is killed between any two steps of transactions, of the relay and of
// the log. Whatever was committed is in the log, once, and nothing else.
func TestKilledBetweenAnyTwoStepsSendsWhatWasCommitted(t *testing.T) {
	if text := os.Getenv(victimVariable); text != "" {
		var v victim
		if err := errors.Join(json.Unmarshal([]byte(text), &v), v.save()); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Parallel()
	for name, create := range ledgers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killBetweenSteps(t, func(t *testing.T, step int) (killed bool, outcome string) {
				l := create(t, "step"+strconv.Itoa(step))
				db := l.database(t)
				defer func() { _ = db.Close() }()
				killed = (&victim{l, 1, int64(step)}).run(t)
				l.awaitEnd(t, db)
				return killed, l.compare(t, db, step)
			})
		})
	}
}

// ledgers returns what creates a database with a name, in SQLite and PostgreSQL.
func ledgers(t *testing.T) map[string]func(t *testing.T, name string) ledger {
	t.Helper()
	server := servertest.NewPostgres(t)
	return map[string]func(t *testing.T, name string) ledger{
		"sqlite": func(t *testing.T, _ string) ledger {
			return ledger{Driver: "sqlite", Source: "file:" + filepath.Join(t.TempDir(), "app.db") + "?_txlock=immediate&_pragma=busy_timeout(5000)"}
		},
		"postgres": func(t *testing.T, name string) ledger {
			if err := server.Exec("CREATE DATABASE " + name); err != nil {
				t.Fatal(err)
			}
			return ledger{Driver: "pgx", Source: strings.Replace(server.URL(), "/postgres?", "/"+name+"?", 1)}
		},
	}
}

// killBetweenSteps calls run with 1, 2 and so on until the process ends by itself.
func killBetweenSteps(t *testing.T, run func(t *testing.T, step int) (killed bool, outcome string)) {
	t.Helper()
	step, different := 1, make(map[string]bool)
	for killed := true; killed && !t.Failed(); step++ {
		var outcome string
		killed, outcome = run(t, step)
		different[outcome] = true
		if step > 500 {
			t.Fatal("the process does not end")
		}
	}
	t.Logf("%d steps, %d different outcomes: %v", step-2, len(different), different)
	if step < 20 || len(different) < 3 {
		t.Errorf("got %d steps with %d different outcomes, want more: the process does not die between steps", step-2, len(different))
	}
}

// compare relays what is left, as the next node does, and compares the table with
// the log. The outcome is what is in the table, and how much of it had been in the
// log when the process died.
func (l ledger) compare(t *testing.T, db *sql.DB, step int) (outcome string) {
	t.Helper()
	log, err := l.inDatabase(db)
	if err != nil {
		t.Fatal(err)
	}
	waiting := inOutbox(t, db)
	outbox, _ := log.(pull.TxOutbox)
	if _, _, err := outbox.Relay(t.Context(), func([]byte) error { return nil }, nil); err != nil {
		t.Fatalf("step %d: %v", step, err)
	}
	saved := tasks(t, db)
	if sent := readTasks(t, log); !slices.Equal(sent, saved) {
		t.Errorf("killed before step %d: got the events %v, want those of the tasks %v", step, sent, saved)
	}
	return fmt.Sprint(saved, len(saved)-waiting)
}

// inOutbox returns how many events wait in the outbox.
func inOutbox(t *testing.T, db *sql.DB) (waiting int) {
	t.Helper()
	if err := db.QueryRow("SELECT count(*) FROM pull_outbox").Scan(&waiting); err != nil {
		t.Fatal(err)
	}
	return waiting
}

var task = regexp.MustCompile(`:saved",{"task":(\d+)}`)

// readTasks returns the tasks of the events in the log.
func readTasks(t *testing.T, broker pull.Broker) (all []int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := broker.Publish(ctx, []byte("end")); err != nil {
		t.Fatal(err)
	}
	err := broker.Subscribe(ctx, time.Hour, func(_ string, _ uint64, message []byte) {
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
