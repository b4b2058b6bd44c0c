package pgbroker_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/echo-pull/pull/pgbroker"
)

// standby returns a stopped copy of a server that follows it when it is started.
func (s *server) standby(t testing.TB) *server {
	t.Helper()
	r := &server{dir: directory(t)}
	run(t, "pg_basebackup", "-D", r.data(), "-h", s.dir, "-U", "postgres", "-R", "-c", "fast", "--no-sync")
	return r
}

// caughtUp waits until a standby has a message.
func (s *server) caughtUp(t testing.TB, message string) {
	t.Helper()
	db := open(t, s.url())
	eventually(t, func() error {
		var n int
		err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pull_log WHERE message = $1", []byte(message)).Scan(&n)
		if err == nil && n == 0 {
			err = fmt.Errorf("the standby has no message %q", message)
		}
		return err
	})
}

// An asynchronous standby that is promoted misses the last messages. The nodes
// learn it at once, and no offset means two messages in one epoch.
func TestPromotedStandbyThatLaggedIsAnotherEpoch(t *testing.T) {
	t.Parallel()
	primary := newServer(t)
	b := newBroker(t, primary, "pull_")
	publish(t, b, "1")
	standby := primary.standby(t)
	standby.start(t)
	publish(t, b, "2")
	standby.caughtUp(t, "2")
	standby.stop()
	url := urlOf(primary.dir, standby.dir) + "&target_session_attrs=read-write"
	nodes := func(c *pgbroker.Config) { c.DB, c.URL = open(t, url), url }
	a, other := newBroker(t, primary, "pull_", nodes), newBroker(t, primary, "pull_", nodes)
	l, second := follow(t, a), follow(t, other)
	publish(t, a, "3")
	before := find(l.sees(t, "3"), "3")
	second.sees(t, "3")
	_, failed, _ := l.state()

	primary.kill(t)
	standby.start(t)
	standby.exec(t, "SELECT pg_promote()")

	watch := newStopwatch(t)
	publish(t, other, "4")
	if took := time.Since(watch.start); took > watch.limit() {
		t.Errorf("the nodes needed %v to find the new primary", took)
	}
	for _, l := range []*tail{l, second} {
		entries := l.sees(t, "4")
		if got := find(entries, "4"); got.epoch == before.epoch || got.offset != before.offset {
			t.Errorf("got %v, want the offset of %v in another epoch", got, before)
		}
	}
	late := follow(t, newBroker(t, standby, "pull_"))
	entries := late.sees(t, "4")
	unbroken(t, entries)
	if find(entries, "3").message != "" || find(entries, "2").message == "" {
		t.Errorf("got %v, want 1, 2 and 4", entries)
	}
	if _, all, _ := l.state(); len(all) == len(failed) {
		t.Error("no error was returned for the outage")
	}
}

// While no server takes writes, the log is out of reach: a standby is not read.
func TestStandbyIsNotRead(t *testing.T) {
	t.Parallel()
	primary := newServer(t)
	b := newBroker(t, primary, "pull_")
	publish(t, b, "1")
	standby := primary.standby(t)
	standby.start(t)
	standby.caughtUp(t, "1")

	l := follow(t, newBroker(t, standby, "pull_"))

	if _, err := l.fails(t, 1); !contains([]error{err}, "recovery is in progress") {
		t.Errorf("got %v, want an error about recovery", err)
	}
}

// The old primary goes on beside the new one. What it takes is another log's.
func TestMessagesOfAnOldPrimaryAreNoneOfTheNewOne(t *testing.T) {
	t.Parallel()
	primary := newServer(t)
	old := newBroker(t, primary, "pull_")
	publish(t, old, "1")
	standby := primary.standby(t)
	standby.start(t)
	standby.caughtUp(t, "1")
	standby.exec(t, "SELECT pg_promote()")

	publish(t, old, "of the old")
	b := newBroker(t, standby, "pull_")
	publish(t, b, "of the new")

	got := find(follow(t, b).sees(t, "of the new"), "of the new")
	other := find(follow(t, old).sees(t, "of the old"), "of the old")
	if got.offset != other.offset || got.epoch == other.epoch {
		t.Errorf("got %v and %v, want one offset in two epochs", got, other)
	}
}

// A backup that is restored to a point in time is another log from there on.
func TestRestoredBackupIsAnotherEpoch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := newBroker(t, s, "pull_")
	publish(t, b, "1")
	before := find(follow(t, b).sees(t, "1"), "1")
	restored := s.standby(t)
	run(t, "rm", filepath.Join(restored.data(), "standby.signal"))
	run(t, "touch", filepath.Join(restored.data(), "recovery.signal"))
	restored.options = []string{"-c", "restore_command=false", "-c", "primary_conninfo="}
	restored.start(t)

	l := follow(t, newBroker(t, restored, "pull_"))

	if got := find(l.sees(t, "1"), "1"); got.epoch == before.epoch {
		t.Errorf("got %v, want another epoch than %v", got, before)
	}
}
