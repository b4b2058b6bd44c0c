package sqlitebroker_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/sqlitebroker"
)

// A long transaction of the application holds the lock. Publish says so in time
// and can be repeated, subscribers go on reading.
func TestLongTransactionStallsNobodyForLong(t *testing.T) {
	for _, timeout := range []string{"0", "100"} { // busy_timeout of the connections
		t.Run("busy_timeout "+timeout, func(t *testing.T) {
			file := newFile(t)
			n := start(t, file, func(c *sqlitebroker.Config) {
				_ = c.DB.Close()
				var err error
				if c.DB, err = sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout("+timeout+")"); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.DB.Close() })
				c.Busy = time.Second // the default is 5 s
			})
			publish(t, n, "before")
			unlock := lock(t, file)
			began := time.Now()

			err := n.Publish(t.Context(), []byte("during"))
			took := time.Since(began)
			seen := readUntil(t, n, "before")
			unlock()
			publish(t, n, "during")

			if err == nil || !strings.Contains(err.Error(), "locked") || took > 4*time.Second {
				t.Errorf("got %v after %s, want an error after 1s", err, took)
			}
			if got := readUntil(t, n, "during"); len(seen) != 1 || len(got) != 2 {
				t.Errorf("got %q, later %q, want before, later during as well", seen, got)
			}
		})
	}
}

// A short transaction is waited for.
func TestShortTransactionIsWaitedFor(t *testing.T) {
	file := newFile(t)
	n := start(t, file, nil)
	publish(t, n, "before")
	unlock := lock(t, file)
	published := make(chan error, 1)
	go func() { published <- n.Publish(t.Context(), []byte("during")) }()

	select {
	case err := <-published:
		t.Fatalf("got %v while the file was locked", err)
	case <-time.After(100 * time.Millisecond):
	}
	unlock()

	if err := <-published; err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

// readUntil returns the log up to a message.
func readUntil(t *testing.T, n *node, last string) (log []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := n.Subscribe(ctx, time.Hour, func(_ string, _ uint64, m []byte) {
		if log = append(log, string(m)); string(m) == last {
			cancel()
		}
	})
	if err != nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("got %q and %v, want %q", log, err, last)
	}
	return log
}

// A subscriber that takes its time has no transaction open, and no connection.
func TestSlowSubscriberHoldsNothing(t *testing.T) {
	n := start(t, newFile(t), func(c *sqlitebroker.Config) { c.DB.SetMaxOpenConns(1) })
	publish(t, n, "one")
	ctx, cancel := context.WithCancel(t.Context())
	inside, ended := make(chan struct{}, 2), make(chan error, 1)
	go func() {
		ended <- n.Subscribe(ctx, time.Hour, func(string, uint64, []byte) { inside <- struct{}{}; <-ctx.Done() })
	}()
	<-inside

	publish(t, n, "two")
	_, err := n.db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
	info, statErr := os.Stat(n.file + "-wal")
	cancel()

	if err := errors.Join(err, statErr, <-ended); err != nil || info.Size() > 0 {
		t.Errorf("got %v and %d bytes that no checkpoint could move, want none", err, info.Size())
	}
}

// The disk is full. What was not accepted is not in the log, and when there is
// room again, it goes on.
func TestFullDiskIsAnErrorUntilThereIsRoom(t *testing.T) {
	file := newFile(t)
	n := start(t, file, func(c *sqlitebroker.Config) { c.DB.SetMaxOpenConns(1) })
	publish(t, n, "first")
	epoch := epochOf(t, n)
	limit := func(pages int) {
		if _, err := n.db.Exec(fmt.Sprintf("PRAGMA max_page_count=%d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(200)
	large := strings.Repeat("x", 64<<10)
	accepted := 1
	var err error
	for err == nil && accepted < 100 {
		if err = n.Publish(t.Context(), []byte(large)); err == nil {
			accepted++
		}
	}
	again := n.Publish(t.Context(), []byte(large))
	limit(100_000)

	publish(t, n, "end")

	if err == nil || again == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("got %v and %v, want errors that say that it is full", err, again)
	}
	if log := readUntil(t, n, "end"); len(log) != accepted+1 {
		t.Errorf("got %d messages, want the %d that were accepted", len(log), accepted+1)
	}
	if got := epochOf(t, n); got != epoch {
		t.Errorf("got the epoch %s, want %s", got, epoch)
	}
}

// The operator drops the tables, or empties them, while the broker runs.
func TestDroppedTablesAreCreatedAgain(t *testing.T) {
	file := newFile(t)
	n := start(t, file, nil)
	before := fill(t, n, 0, 5)
	execute(t, file, "DROP TABLE pull_meta", "DROP TABLE pull_log")

	failed := n.Publish(t.Context(), []byte("end"))
	publish(t, n, "end")

	if failed == nil {
		t.Error("got nil without a table")
	}
	if log := readUntil(t, n, "end"); len(log) != 1 || epochOf(t, n) == before {
		t.Errorf("got %q in the epoch of the lost log, want another epoch", log)
	}
}

// Old messages go by count and by age. The last one stays, and numbers go on.
func TestOldMessagesAreDeleted(t *testing.T) {
	file := newFile(t)
	const keep = 3000
	n := start(t, file, func(c *sqlitebroker.Config) { c.KeepCount = keep })
	batch := make([][]byte, 512)
	for i := range batch {
		batch[i] = []byte("x")
	}
	for range 20 {
		if err := n.Publish(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	within := func(most int) {
		t.Helper()
		var count, last int
		for end := time.Now().Add(10 * time.Second); ; {
			err := n.db.QueryRow(`SELECT count(*), max("offset") FROM pull_log`).Scan(&count, &last)
			if err != nil || last < 20*512 {
				t.Fatalf("got the last offset %d and %v, want %d or more", last, err, 20*512)
			}
			if count <= most {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("got %d messages, want at most %d", count, most)
			}
		}
	}
	within(keep)
	execute(t, file, `UPDATE pull_log SET at = at - 7200000000000 WHERE "offset" < (SELECT max("offset") FROM pull_log)`)
	epoch := epochOf(t, n)

	n = start(t, file, nil) // which keeps many, for an hour
	for range 3 {           // old messages are looked for once in a second, or after many
		if err := n.Publish(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}

	within(3*512 + 1)
	if got := epochOf(t, n); got != epoch {
		t.Errorf("got the epoch %s, want %s", got, epoch)
	}
}

// While it publishes as fast as it can, the log does not outgrow its bound by
// much.
func TestLogIsBoundedUnderLoad(t *testing.T) {
	const keep = 2000
	n := start(t, newFile(t), func(c *sqlitebroker.Config) { c.KeepCount = keep })
	most := 0
	publishing := make(chan error, 4)
	for range cap(publishing) {
		go func() {
			batch := batchOf(100)
			for range 30 {
				if err := n.Publish(t.Context(), batch...); err != nil {
					publishing <- err
					return
				}
			}
			publishing <- nil
		}()
	}
	for left := cap(publishing); left > 0; {
		select {
		case err := <-publishing:
			if err != nil {
				t.Fatal(err)
			}
			left--
		case <-time.After(10 * time.Millisecond):
		}
		var count int
		if err := n.db.QueryRow("SELECT count(*) FROM pull_log").Scan(&count); err != nil {
			t.Fatal(err)
		}
		most = max(most, count)
	}
	if most > 3*keep {
		t.Errorf("got %d messages at a time, want about %d", most, keep)
	}
}

// Calls of Publish that wait at the same time share a transaction.
func TestCallsThatWaitTogetherShareATransaction(t *testing.T) {
	file := newFile(t)
	n := start(t, file, nil)
	publish(t, n, "first")
	unlock := lock(t, file)
	const calls = 50
	published := make(chan error, calls)
	for range calls {
		go func() { published <- n.Publish(t.Context(), []byte("x")) }()
	}
	select {
	case err := <-published:
		t.Fatalf("got %v while the file was locked", err)
	case <-time.After(50 * time.Millisecond):
	}

	unlock()
	for range calls {
		if err := <-published; err != nil {
			t.Fatal(err)
		}
	}

	var transactions int
	if err := n.db.QueryRow("SELECT count(DISTINCT at) FROM pull_log").Scan(&transactions); err != nil || transactions > 5 {
		t.Errorf("got %d transactions and %v, want the first one and two or three", transactions, err)
	}
}

// A process opens the file while another one, which was the last, closes it.
func TestFileThatIsBeingClosedIsWaitedFor(t *testing.T) {
	file := newFile(t)
	open := func() *sql.DB { // without a busy_timeout
		db, err := sql.Open("sqlite", "file:"+file)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	for range 50 {
		db := open()
		n, err := sqlitebroker.New(sqlitebroker.Config{DB: db, Create: true})
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		if err := n.Publish(t.Context(), []byte("x")); err != nil {
			t.Fatalf("Publish: %v", err)
		}
		go db.Close() //nolint:errcheck // while the next one opens
	}
}
