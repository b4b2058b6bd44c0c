package pgbroker_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/brokertest"
	"github.com/echo-pull/pull/pgbroker"
)

var _ pull.TxOutbox = (*pgbroker.Broker)(nil)

func TestTxOutbox(t *testing.T) {
	s := shared(t)
	for name, pool := range map[string]func(t testing.TB) *sql.DB{
		"default":      func(t testing.TB) *sql.DB { return open(t, s.url()) },
		"serializable": func(t testing.TB) *sql.DB { return open(t, s.url()+"&default_transaction_isolation=serializable") },
	} {
		t.Run(name, func(t *testing.T) {
			var prefix string // of the outbox that is open: the tests run one by one
			with := func(t testing.TB) *pgbroker.Broker {
				return newBroker(t, s, prefix, func(c *pgbroker.Config) { c.DB = pool(t) })
			}
			brokertest.RunTx(t, brokertest.TxSuite{
				Open: func(t testing.TB) (brokertest.TxBroker, *sql.DB) {
					prefix = newPrefix()
					return with(t), open(t, s.url())
				},
				Join:     func(t testing.TB, _ brokertest.TxBroker) brokertest.TxBroker { return with(t) },
				Patience: 2 * time.Minute, // other tests keep the machine busy
			})
		})
	}
}

// Behind PgBouncer in transaction mode the outbox works as well.
func TestTxOutboxBehindPgBouncer(t *testing.T) {
	s := newServer(t)
	pooled := bouncer(t, s) + "&default_query_exec_mode=simple_protocol"
	b := newBroker(t, s, "pull_", func(c *pgbroker.Config) { c.DB = open(t, pooled) })
	l := follow(t, b)
	db := open(t, pooled)

	for range 3 {
		insert(t, b, db, "", "\x00\xff\\'\x00").commit(t)
		insert(t, b, db, "key", "old").commit(t)
		insert(t, b, db, "key", "new").commit(t)
		relay(t, b)
	}
	publish(t, b, "end")

	want := slices.Repeat([]string{"\x00\xff\\'\x00", "new"}, 3)
	if got := messages(l.sees(t, "end")); !slices.Equal(got, append(want, "end")) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A tx is an open transaction of the application.
type tx struct{ *sql.Tx }

func (x tx) commit(t *testing.T) {
	t.Helper()
	if err := x.Commit(); err != nil {
		t.Fatal(err)
	}
}

func insert(t *testing.T, b *pgbroker.Broker, db *sql.DB, key, message string) tx {
	t.Helper()
	x, err := db.BeginTx(t.Context(), nil)
	if err == nil {
		err = b.InsertTx(t.Context(), x, key, []byte(message))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Rollback() })
	return tx{x}
}

func relay(t *testing.T, b *pgbroker.Broker) {
	t.Helper()
	if _, _, err := b.Relay(t.Context(), func([]byte) error { return nil }, nil); err != nil {
		t.Fatal(err)
	}
}

func messages(entries []entry) (all []string) {
	for _, e := range entries {
		all = append(all, e.message)
	}
	return all
}

// A transaction that stays open keeps no message of others waiting, and its own
// are not lost. Neither is one that waits for a lock on a row of the outbox.
func TestLateCommitKeepsNoOtherEventWaiting(t *testing.T) {
	s, prefix := shared(t), newPrefix()
	b := newBroker(t, s, prefix)
	db := open(t, s.url())
	l := follow(t, b)
	late := insert(t, b, db, "", "late")
	for i := range 600 { // more than one step
		insert(t, b, db, "", strconv.Itoa(i)).commit(t)
	}
	insert(t, b, db, "", "locked").commit(t)
	locking, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = locking.Rollback() }()
	if _, err := locking.Exec(`SELECT FROM ` + prefix + `outbox WHERE id = (SELECT max(id) FROM ` + prefix + `outbox) FOR UPDATE`); err != nil {
		t.Fatal(err)
	}

	relay(t, b)
	relay(t, b)
	l.sees(t, "599")
	late.commit(t)
	relay(t, b)
	l.sees(t, "late")
	_ = locking.Rollback()
	relay(t, b)

	entries := l.sees(t, "locked")
	unbroken(t, entries)
	if got := messages(entries); len(got) != 602 || got[0] != "0" || got[600] != "late" {
		t.Errorf("got %d messages, want 602, the late one after those that were committed before it", len(got))
	}
}

// The transactions of pgx, and savepoints.
func TestPgxTx(t *testing.T) {
	s, prefix := shared(t), newPrefix()
	b := newBroker(t, s, prefix)
	l := follow(t, b)
	conn, err := pgx.Connect(t.Context(), s.url())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	step := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	outer, err := conn.Begin(t.Context())
	step(err)
	step(b.InsertTx(t.Context(), pgbroker.PgxTx(outer), "", []byte("outer")))
	inner, err := outer.Begin(t.Context()) // a savepoint
	step(err)
	step(b.InsertTx(t.Context(), pgbroker.PgxTx(inner), "", []byte("inner")))
	step(inner.Rollback(t.Context()))
	step(b.InsertTx(t.Context(), pgbroker.PgxTx(outer), "k", []byte("end")))
	result, err := pgbroker.PgxTx(outer).ExecContext(t.Context(), `SELECT FROM generate_series(1, 7)`)
	step(err)
	step(outer.Commit(t.Context()))
	relay(t, b)

	if got := messages(l.sees(t, "end")); !slices.Equal(got, []string{"outer", "end"}) {
		t.Errorf("got %q, want outer and end", got)
	}
	if n, err := result.RowsAffected(); n != 7 || err != nil {
		t.Errorf("got %d rows and %v, want 7", n, err)
	}
	if _, err := result.LastInsertId(); err == nil {
		t.Error("got no error of LastInsertId, which PostgreSQL does not have")
	}
	if got := pgbroker.PgxTx(nil); got != nil {
		t.Errorf("of no transaction: got %v, want nil", got)
	}
}

// An outage of the server ends by itself, and loses nothing.
func TestRelayOutlivesTheServer(t *testing.T) {
	s := newServer(t)
	b := newBroker(t, s, "pull_")
	db := open(t, s.url())
	insert(t, b, db, "", "one").commit(t)
	s.freeze(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if _, _, err := b.Relay(ctx, func([]byte) error { return nil }, nil); err == nil || ctx.Err() != nil {
		t.Errorf("of a frozen server: got %v, want an error in time", err)
	}
	s.thaw()
	s.kill(t)
	s.start(t)

	eventually(t, func() error {
		_, _, err := b.Relay(t.Context(), func([]byte) error { return nil }, nil)
		return err
	})
	publish(t, b, "end")

	if got := messages(follow(t, b).sees(t, "end")); !slices.Equal(got, []string{"one", "end"}) {
		t.Errorf("got %q, want one and end", got)
	}
}

// Tables that are partly missing are created again, by New and by nodes that run.
func TestMissingTablesAreCreatedAgain(t *testing.T) {
	for _, lost := range []string{"TABLE %soutbox", "TABLE %srelay", "TABLE %slog", "TABLE %smeta", "FUNCTION %ssince", "FUNCTION %shead"} {
		t.Run(lost, func(t *testing.T) {
			s, prefix := shared(t), newPrefix()
			running := newBroker(t, s, prefix)
			l := follow(t, running)
			publish(t, running, "before")
			l.sees(t, "before")
			s.exec(t, "DROP "+strings.Replace(fmt.Sprintf(lost, prefix), " ", " IF EXISTS ", 1))

			eventually(t, func() error {
				_, _, err := running.Relay(t.Context(), func([]byte) error { return nil }, nil)
				return errors.Join(err, running.Publish(t.Context(), []byte("after")))
			})
			l.sees(t, "after")
			s.exec(t, "DROP "+strings.Replace(fmt.Sprintf(lost, prefix), " ", " IF EXISTS ", 1))
			again := newBroker(t, s, prefix)

			insert(t, again, open(t, s.url()), "", "sent").commit(t)
			relay(t, again)
			l.sees(t, "sent")
		})
	}
}

// New names what is wrong with the outbox.
func TestOutboxThatCannotHoldEventsIsAnError(t *testing.T) {
	for change, want := range map[string]string{
		"DROP TABLE %soutbox":                            "outbox is missing",
		"ALTER TABLE %soutbox SET UNLOGGED":              "UNLOGGED",
		"ALTER TABLE %soutbox ENABLE ROW LEVEL SECURITY": "ROW LEVEL SECURITY",
	} {
		s, prefix := shared(t), newPrefix()
		newBroker(t, s, prefix)
		s.exec(t, fmt.Sprintf(change, prefix))

		_, err := pgbroker.New(pgbroker.Config{DB: open(t, s.url()), Prefix: prefix})

		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("after %q: got %v, want an error with %q", change, err, want)
		}
	}
}
