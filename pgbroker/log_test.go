package pgbroker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull/pgbroker"
)

func TestSizes(t *testing.T) {
	t.Parallel()
	s := shared(t)
	b := newBroker(t, s, newPrefix())
	l := follow(t, b)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	sizes := [][]byte{nil, {}, {0}, every, bytes.Repeat(every, 256), bytes.Repeat(every, 16<<10), bytes.Repeat(every, 80<<10)}
	for range 512 {
		sizes = append(sizes, bytes.Repeat(every, rand.IntN(8)))
	}

	if err := b.Publish(t.Context(), sizes...); err != nil {
		t.Fatal(err)
	}

	publish(t, b, "end")
	entries := l.sees(t, "end")
	unbroken(t, entries)
	if len(entries) != len(sizes)+1 {
		t.Fatalf("got %d messages, want %d", len(entries), len(sizes)+1)
	}
	for i, want := range sizes {
		if entries[i].message != string(want) {
			t.Errorf("message %d has %d bytes, want the %d that were published", i, len(entries[i].message), len(want))
		}
	}
}

// The window is what is younger than an age by the server's clock.
func TestWindowLeavesOutWhatIsOlder(t *testing.T) {
	t.Parallel()
	s, prefix := shared(t), newPrefix()
	b := newBroker(t, s, prefix)
	for n := range 40 {
		publish(t, b, strconv.Itoa(n))
	}
	for young := range 41 {
		s.exec(t, fmt.Sprintf(`UPDATE %slog SET at = clock_timestamp() - CASE WHEN "offset" > %d THEN interval '10 s' ELSE interval '1 h' END`, prefix, 40-young))
		db := open(t, s.url())
		var since int
		if err := db.QueryRowContext(t.Context(), "SELECT "+prefix+"since('1 minute')").Scan(&since); err != nil {
			t.Fatal(err)
		}
		if since != 40-young {
			t.Errorf("with %d young messages the window begins after %d, want %d", young, since, 40-young)
		}
	}
}

// A transaction of the application that stays open, with a snapshot and locks of
// its own, delays no message and no deletion of old ones.
func TestLongTransactionOfTheAppStallsNobody(t *testing.T) {
	t.Parallel()
	s, prefix := shared(t), newPrefix()
	b := newBroker(t, s, prefix, func(c *pgbroker.Config) { c.KeepCount = 5000 })
	l := follow(t, b)
	publish(t, b, "before")
	db := open(t, s.url())
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range []string{
		"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		"SELECT count(*) FROM " + prefix + "log",
		"CREATE TABLE " + prefix + "app AS SELECT 1",
	} {
		if _, err := tx.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	took := func(from int) time.Duration {
		start := time.Now()
		for n := range 200 {
			publish(t, b, strconv.Itoa(from+n))
		}
		return time.Since(start)
	}
	first := took(0)
	for n := range 20 { // the reader keeps up: none is deleted before it has read it
		mark := fmt.Sprint("more ", n)
		publish(t, b, append(slices.Repeat([]string{"more"}, 999), mark)...)
		l.sees(t, mark)
	}
	last := took(1000)

	unbroken(t, l.sees(t, "1199"))
	if last > 5*first+3*time.Second {
		t.Errorf("200 messages took %v after 20,000 others, and %v before", last, first)
	}
	eventually(t, func() error { return countAtMost(t, s, prefix, 7200) })
}

func countAtMost(t testing.TB, s *server, prefix string, most int) error {
	t.Helper()
	db := open(t, s.url())
	defer func() { _ = db.Close() }()
	var n int
	err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+prefix+"log").Scan(&n)
	if err == nil && n > most {
		err = fmt.Errorf("the log has %d messages, want at most %d", n, most)
	}
	return err
}

func TestOldMessagesAreDeletedAndOffsetsGoOn(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]func(*pgbroker.Config){
		"count": func(c *pgbroker.Config) { c.KeepCount = 1 },
		"age":   func(c *pgbroker.Config) { c.KeepAge = time.Nanosecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, prefix := shared(t), newPrefix()
			b, other := newBroker(t, s, prefix, configure), newBroker(t, s, prefix, configure)
			l, second := follow(t, b), follow(t, other)
			for range 5 {
				publish(t, b, slices.Repeat([]string{"old"}, 1000)...)
			}
			publish(t, b, "last")
			epoch := find(l.sees(t, "last"), "last").epoch

			eventually(t, func() error { return countAtMost(t, s, prefix, 1) })

			publish(t, b, "next")
			late := follow(t, newBroker(t, s, prefix))
			// Who has not read what was deleted sees a hole.
			for _, l := range []*tail{l, second, late} {
				if got := find(l.sees(t, "next"), "next"); got.offset != 5002 || got.epoch != epoch {
					t.Errorf("got %v, want offset 5002 of epoch %s", got, epoch)
				}
				if _, failed, _ := l.state(); len(failed) > 0 {
					t.Errorf("got errors %v", failed)
				}
			}
			if got := late.sees(t, "next"); len(got) > 2 {
				t.Errorf("got %d messages in a log that keeps one", len(got))
			}
		})
	}
}

// A node that starts learns from the log who watches what. A watch lives 32
// minutes by default.
func TestMessagesStayForAsLongAsWatchesLive(t *testing.T) {
	s, prefix := shared(t), newPrefix()
	b := newBroker(t, s, prefix)
	publish(t, b, "too old", "a watch", "new")
	s.exec(t,
		"UPDATE "+prefix+`log SET at = at - interval '2 hours' WHERE message = 'too old'`,
		"UPDATE "+prefix+`log SET at = at - interval '33 minutes' WHERE message = 'a watch'`)
	follow(t, b)

	eventually(t, func() error { return countAtMost(t, s, prefix, 2) })

	if countAtMost(t, s, prefix, 1) == nil {
		t.Error("the watch was deleted, too")
	}
}

// Applications choose an isolation level for all of their transactions.
func TestDefaultIsolationOfTheAppDoesNotMatter(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"repeatable read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			s, prefix := shared(t), newPrefix()
			url := s.url() + "&default_transaction_isolation=" + strings.ReplaceAll(level, " ", "%20")
			strict := func(c *pgbroker.Config) { c.DB = open(t, url) }
			nodes := []*pgbroker.Broker{newBroker(t, s, prefix, strict), newBroker(t, s, prefix, strict)}
			l := follow(t, nodes[0])
			var all sync.WaitGroup
			for _, b := range nodes {
				all.Go(func() {
					for n := range 50 {
						if err := b.Publish(t.Context(), []byte(strconv.Itoa(n))); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			publish(t, nodes[1], "end")

			entries := l.sees(t, "end")
			unbroken(t, entries)
			if len(entries) != 101 {
				t.Errorf("got %d messages, want 101", len(entries))
			}
		})
	}
}

// Calls of Publish that wait together share a transaction.
func TestPublishersShareTransactions(t *testing.T) {
	t.Parallel()
	const calls = 200
	s, prefix := shared(t), newPrefix()
	b := newBroker(t, s, prefix)
	db := open(t, s.url())
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), fmt.Sprintf("SELECT pg_advisory_xact_lock(1886743660, '%slog'::regclass::oid::integer)", prefix)); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var waiting sync.WaitGroup
	for n := range calls {
		waiting.Add(1)
		all.Go(func() {
			waiting.Done()
			if err := b.Publish(t.Context(), []byte(strconv.Itoa(n))); err != nil {
				t.Error(err)
			}
		})
	}
	waiting.Wait()
	eventually(t, func() error { // and one of them at the lock
		var n int
		err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1::regclass AND NOT granted", prefix+"log").Scan(&n)
		if err == nil && n == 0 {
			err = errors.New("nobody waits for the lock")
		}
		return err
	})
	_ = tx.Rollback()
	all.Wait()

	var transactions int
	if err := db.QueryRowContext(t.Context(), "SELECT count(DISTINCT xmin::text) FROM "+prefix+"log").Scan(&transactions); err != nil {
		t.Fatal(err)
	}
	if transactions > calls/4 {
		t.Errorf("%d calls took %d transactions, want far fewer", calls, transactions)
	}
}

// A call that gives up takes the others' messages with it nowhere.
func TestCallThatGivesUpHarmsNoOther(t *testing.T) {
	t.Parallel()
	s, prefix := shared(t), newPrefix()
	b := newBroker(t, s, prefix)
	db := open(t, s.url())
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), fmt.Sprintf("SELECT pg_advisory_xact_lock(1886743660, '%slog'::regclass::oid::integer)", prefix)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone, stays := make(chan error, 20), make(chan error, 20)
	for n := range 20 {
		go func() { gone <- b.Publish(ctx, []byte("gone")) }()
		go func() { stays <- b.Publish(t.Context(), []byte("stays "+strconv.Itoa(n))) }()
	}
	eventually(t, func() error {
		var n int
		err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1::regclass AND NOT granted", prefix+"log").Scan(&n)
		if err == nil && n == 0 {
			err = errors.New("nobody waits for the lock")
		}
		return err
	})
	cancel()
	for range 20 {
		if err := <-gone; err == nil {
			t.Error("a call whose context had ended returned nil")
		}
	}
	_ = tx.Rollback()

	for range 20 {
		if err := <-stays; err != nil {
			t.Errorf("a call that stays returned %v", err)
		}
	}
	publish(t, b, "end")
	entries := follow(t, b).sees(t, "end")
	for n := range 20 {
		if find(entries, "stays "+strconv.Itoa(n)).message == "" {
			t.Errorf("message %d is missing", n)
		}
	}
}
