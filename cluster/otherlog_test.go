package cluster_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/cluster/engines"
	"github.com/echo-pull/pull/internal/memnet"
)

// The outbox is in a database and the log elsewhere, so an event may enter the log
// twice. A process is killed between any two steps of transactions, of the relay
// and around each publish. Pages get whatever was committed once, and nothing else:
// one that is connected to another node, and one that recovers at a new node.
func TestKilledBetweenAnyTwoStepsWithAnotherLogReachesPagesOnce(t *testing.T) {
	t.Parallel()
	databases := ledgers(t)
	for _, e := range []engines.Engine{engines.Redis(), engines.NATS()} {
		for name, create := range databases {
			t.Run(name+" and "+e.Name, func(t *testing.T) {
				t.Parallel()
				s := e.Start(t, nil)
				page := openPage(t, join(t, s.Open).listener, "")
				t.Cleanup(page.close)
				killBetweenSteps(t, func(t *testing.T, step int) (killed bool, outcome string) {
					l := create(t, e.Name+strconv.Itoa(step))
					l.Engine, l.Address = e.Name, s.Address
					db := l.database(t)
					defer func() { _ = db.Close() }()
					killed = (&victim{l, 10 * step, int64(step)}).run(t)
					l.awaitEnd(t, db)
					l.expireLease(t, db)
					waiting, saved := inOutbox(t, db), tasks(t, db)
					l.reachPages(t, db, page, step)
					return killed, fmt.Sprint(len(saved), len(saved)-waiting)
				})
				logRepetitions(t, s)
			})
		}
	}
}

// expireLease ends the seconds for which the process that was killed has the outbox
// for itself. That they end by themselves, the modules test.
func (l ledger) expireLease(t *testing.T, db *sql.DB) {
	t.Helper()
	statement := "UPDATE pull_relay SET until = 0"
	if l.Driver == "pgx" {
		statement = "UPDATE pull_relay SET until = '-infinity'"
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// reachPages starts the next node, which relays what is left, and compares the
// table with what the pages get.
func (l ledger) reachPages(t *testing.T, db *sql.DB, page *reader, step int) {
	t.Helper()
	a, closer, err := l.open(db, countdownFrom(0))
	if err != nil {
		t.Fatal(err)
	}
	listener := memnet.Listen()
	server := &http.Server{Handler: a.echo, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	other := openPage(t, listener, page.cursor())
	for end := time.Now().Add(20 * time.Second); inOutbox(t, db) > 0; {
		if time.Now().After(end) {
			t.Fatalf("step %d: events stay in the outbox", step)
		}
		<-time.After(time.Millisecond)
	}
	err = a.Send(t.Context(), pull.Shared(), pull.Event{Module: "tasks", Command: "end", Params: map[string]int{"task": step}})
	if err != nil {
		t.Fatal(err)
	}

	saved := tasks(t, db)
	if got := page.until(t, step); !slices.Equal(got, saved) {
		t.Errorf("killed before step %d: a page got the events %v, want those of the tasks %v", step, got, saved)
	}
	if got := other.until(t, step); !slices.Equal(got, saved) {
		t.Errorf("killed before step %d: a page that recovers got the events %v, want those of the tasks %v", step, got, saved)
	}
	other.close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := errors.Join(server.Close(), a.Shutdown(ctx), closer()); err != nil {
		t.Error(err)
	}
	<-served
}

// logRepetitions logs how many events the log has twice. There may be none: the next
// node leaves out what it has received from the log before it relays.
func logRepetitions(t *testing.T, s *engines.Server) {
	t.Helper()
	l, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	all := readTasks(t, l.Broker)
	once := len(slices.Compact(slices.Sorted(slices.Values(all))))
	t.Logf("the log has %d messages with %d events", len(all), once)
}
