package sqlitebroker_test

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull/sqlitebroker"
)

// A journal collects what a broker logs.
type journal struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()

	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()

	return j.text.String()
}

// fill publishes numbers and returns the epoch.
func fill(t *testing.T, n *node, from, to int) (epoch string) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := n.Publish(t.Context(), []byte(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	return epochOf(t, n)
}

// epochOf returns the epoch in which a subscriber gets the last message.
func epochOf(t *testing.T, n *node) (epoch string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	last := newest(t, n)
	err := n.Subscribe(ctx, time.Hour, func(e string, offset uint64, _ []byte) {
		if epoch = e; offset == last {
			cancel()
		}
	})
	if err != nil || epoch == "" {
		t.Fatalf("got the epoch %q and %v", epoch, err)
	}
	return epoch
}

const witness = "-pull_witness"

// What happens to a file between two processes, and whether the log can still be
// the one that it was.
func TestEpochChangesIfAndOnlyIfTheLogMayHaveLostSomething(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(t *testing.T, file, older string) // older is a copy of an earlier state
		reason  string                                 // empty if the epoch stays
	}{
		"nothing": {func(*testing.T, string, string) {}, ""},
		"vacuum": {func(t *testing.T, file, _ string) {
			if _, err := openFile(t, file).Exec("VACUUM"); err != nil {
				t.Fatal(err)
			}
		}, ""},
		"the directory is moved": {func(t *testing.T, file, _ string) {
			for _, suffix := range []string{"", witness} {
				rename(t, file+suffix, file+".moved"+suffix)
				rename(t, file+".moved"+suffix, file+suffix)
			}
		}, ""},
		"the process dies before the witness is written": {func(t *testing.T, file, older string) {
			rename(t, older+witness, file+witness)
		}, ""},
		"an older copy is put in place": {func(t *testing.T, file, older string) {
			rename(t, older, file)
			rename(t, older+"-wal", file+"-wal")
		}, "gone back"},
		"an older copy is copied over it": {func(t *testing.T, file, older string) {
			for _, suffix := range []string{"", "-wal"} {
				content, err := os.ReadFile(older + suffix)
				if err == nil {
					err = os.WriteFile(file+suffix, content, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}, "gone back"},
		"an older copy went on elsewhere": {func(t *testing.T, file, older string) {
			other := start(t, older, nil)
			for i := 10; i < 20; i++ {
				if err := other.Publish(t.Context(), []byte("other")); err != nil {
					t.Fatal(err)
				}
			}
			for _, suffix := range []string{"", "-wal"} {
				rename(t, older+suffix, file+suffix)
			}
		}, "another one"},
		"only the database is copied": {func(t *testing.T, file, _ string) {
			remove(t, file+witness)
		}, "may be a copy"},
		"the witness is damaged": {func(t *testing.T, file, _ string) {
			if err := os.WriteFile(file+witness, []byte("pull"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not a witness"},
		"the tables are emptied": {func(t *testing.T, file, _ string) {
			execute(t, file, "DELETE FROM pull_meta", "DELETE FROM pull_log")
		}, "empty"},
		"the tables are dropped": {func(t *testing.T, file, _ string) {
			execute(t, file, "DROP TABLE pull_meta", "DROP TABLE pull_log")
		}, "empty"},
		"the database is deleted": {func(t *testing.T, file, _ string) {
			remove(t, file)
		}, "empty"},
		"the counter is set back": {func(t *testing.T, file, _ string) {
			execute(t, file, "UPDATE pull_meta SET next = 5")
		}, "next message is impossible"},
		"the counter is beyond all numbers": {func(t *testing.T, file, _ string) {
			execute(t, file, "UPDATE pull_meta SET next = 1 << 60")
		}, "next message is impossible"},
		"offsets are beyond all numbers": {func(t *testing.T, file, _ string) {
			execute(t, file, `UPDATE pull_log SET "offset" = 9223372036854775807 WHERE "offset" = 20`)
		}, "next message is impossible"},
		"the last messages are deleted": {func(t *testing.T, file, _ string) {
			execute(t, file, `DELETE FROM pull_log WHERE "offset" > 18`)
		}, ""}, // a hole, which subscribers see
		"the epoch is something else": {func(t *testing.T, file, _ string) {
			execute(t, file, `UPDATE pull_meta SET epoch = 'a' || char(10)`)
		}, "name was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			file, older := newFile(t), newFile(t)
			n := start(t, file, nil)
			fill(t, n, 0, 10)
			copyFiles(t, file, older)
			before := fill(t, n, 10, 20)
			_ = n.db.Close()
			c.happens(t, file, older)
			var logged journal

			n = start(t, file, func(c *sqlitebroker.Config) { c.Logger = slog.New(slog.NewTextHandler(&logged, nil)) })
			after := fill(t, n, 20, 22)

			if changed := after != before; changed != (c.reason != "") {
				t.Errorf("got another epoch: %v, want %v\n%s", changed, c.reason != "", &logged)
			}
			if !strings.Contains(logged.String(), c.reason) || c.reason == "" && logged.String() != "" {
				t.Errorf("got the log %q, want the reason %q", &logged, c.reason)
			}
			_ = n.db.Close()
			if again := fill(t, start(t, file, nil), 22, 23); again != after {
				t.Errorf("got another epoch after the next start, want %s", after)
			}
		})
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

// A new log has nothing to report.
func TestNewLogIsNotReported(t *testing.T) {
	var logged journal
	n := start(t, newFile(t), func(c *sqlitebroker.Config) { c.Logger = slog.New(slog.NewTextHandler(&logged, nil)) })

	fill(t, n, 0, 1)

	if logged.String() != "" {
		t.Errorf("got %q, want nothing", &logged)
	}
}

// The computer has started again. Unless everything was on the disk, messages may
// be lost.
func TestPowerFailureIsAGapUnlessEverythingWasOnTheDisk(t *testing.T) {
	const stays, changes = true, false
	for name, c := range map[string]struct {
		full bool
		boot string
		end  func(t *testing.T, n *node)
		want bool
	}{
		"NORMAL, killed":                         {false, "1", func(*testing.T, *node) {}, changes},
		"NORMAL, ended":                          {false, "1", func(t *testing.T, n *node) { epochOf(t, n) }, stays},
		"NORMAL, published after the end":        {false, "1", func(t *testing.T, n *node) { epochOf(t, n); publish(t, n, "late") }, changes},
		"NORMAL, killed, same boot":              {false, "0", func(*testing.T, *node) {}, stays},
		"NORMAL, killed, boots without a name":   {false, sqlitebroker.NobodyKnows, func(*testing.T, *node) {}, changes},
		"FULL, killed":                           {true, "1", func(*testing.T, *node) {}, stays},
		"FULL, ended":                            {true, "1", func(t *testing.T, n *node) { epochOf(t, n) }, stays},
		"FULL, killed, boots without a name":     {true, sqlitebroker.NobodyKnows, func(*testing.T, *node) {}, stays},
		"NORMAL, ended, boots without a name":    {false, sqlitebroker.NobodyKnows, func(t *testing.T, n *node) { epochOf(t, n) }, stays},
		"NORMAL, published by another who lives": {false, "1", func(t *testing.T, n *node) { endBesideAnother(t, n) }, changes},
	} {
		t.Run(name, func(t *testing.T) {
			first := "0"
			if c.boot == sqlitebroker.NobodyKnows {
				first = c.boot
			}
			file := newFile(t)
			n := boot(t, file, first, c.full)
			publish(t, n, "one")
			before := peek(t, n)
			c.end(t, n)
			found := newFile(t)
			copyFiles(t, file, found)

			after := peek(t, boot(t, found, c.boot, c.full))

			if got := after == before; got != c.want {
				t.Errorf("the epoch has stayed: got %v, want %v", got, c.want)
			}
		})
	}
}

// boot returns a node on a computer that has started.
func boot(t *testing.T, file, name string, full bool) *node {
	t.Helper()
	c := sqlitebroker.Config{DB: openFile(t, file), Create: true, Full: full, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	b, err := sqlitebroker.NewAfterBoot(c, name)
	if err != nil {
		t.Fatal(err)
	}
	return &node{b, c.DB, file}
}

// endBesideAnother ends the subscription of a node while another one publishes.
func endBesideAnother(t *testing.T, n *node) {
	t.Helper()
	other := boot(t, n.file, "0", false)
	epochOf(t, n)
	publish(t, other, "still here")
}

// peek returns the epoch without a subscription, whose end writes to the disk.
func peek(t *testing.T, n *node) (epoch string) {
	t.Helper()
	if err := n.db.QueryRow("SELECT epoch FROM pull_meta").Scan(&epoch); err != nil {
		t.Fatal(err)
	}
	return epoch
}

func publish(t *testing.T, n *node, messages ...string) {
	t.Helper()
	for _, m := range messages {
		if err := n.Publish(t.Context(), []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
}

// A file that is replaced while it is open stays open in old connections and not
// in new ones. Nothing can be relied on until the application starts again.
func TestReplacedFileIsAnErrorUntilARestart(t *testing.T) {
	file, other := newFile(t), newFile(t)
	fill(t, start(t, other, nil), 0, 3)
	n := start(t, file, nil)
	fill(t, n, 0, 10)
	ended := make(chan error, 1)
	go func() { ended <- n.Subscribe(t.Context(), time.Hour, func(string, uint64, []byte) {}) }()

	rename(t, other, file)

	if err := <-ended; err == nil || !strings.Contains(err.Error(), "restart the application") {
		t.Errorf("Subscribe: got %v, want an error that says what to do", err)
	}
	var err error
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); { // it looks now and then
		if err = n.Publish(t.Context(), []byte("lost")); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "restart the application") {
		t.Errorf("Publish: got %v, want an error that says what to do", err)
	}
}

// The witness is deleted below two processes. They agree on an epoch.
func TestDeletedWitnessIsWrittenAgain(t *testing.T) {
	file := newFile(t)
	a := start(t, file, nil)
	fill(t, a, 0, 5)
	remove(t, file+witness)
	b := start(t, file, nil)

	for range 3 {
		publish(t, a, "a")
		publish(t, b, "b")
	}

	epoch := epochOf(t, b)
	publish(t, a, "a")
	publish(t, b, "b")
	if got := epochOf(t, a); got != epoch {
		t.Errorf("got the epoch %s, want %s as before", got, epoch)
	}
	if got := epochOf(t, start(t, file, nil)); got != epoch {
		t.Errorf("a third process: got the epoch %s, want %s", got, epoch)
	}
}
