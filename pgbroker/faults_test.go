package pgbroker_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/echo-pull/pull/pgbroker"
)

// A restart of the server loses nothing that Publish has returned nil for, so
// the epoch stays, whatever the server was doing.
func TestRestartOfTheServerLosesNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*server, *testing.T){
		"restarted": func(s *server, t *testing.T) { s.restart(t) },
		"killed":    func(s *server, t *testing.T) { s.kill(t); s.start(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b, other := newBroker(t, s, "pull_"), newBroker(t, s, "pull_")
			l, second := follow(t, b), follow(t, other)
			var acked atomic.Int64
			ctx, cancel := context.WithCancel(t.Context())
			published := make(chan struct{})
			go func() {
				defer close(published)
				for n := int64(1); ctx.Err() == nil; {
					if b.Publish(ctx, []byte(strconv.FormatInt(n, 10))) == nil {
						acked.Store(n)
						n++
					}
				}
			}()
			l.sees(t, "100")

			end(s, t)

			l.sees(t, strconv.FormatInt(acked.Load()+100, 10))
			cancel()
			<-published
			publish(t, other, "end")
			entries := l.sees(t, "end")
			unbroken(t, entries)
			unbroken(t, second.sees(t, "end"))
			got := make(map[string]bool)
			for _, e := range entries {
				got[e.message] = true
			}
			for n := int64(1); n <= acked.Load(); n++ {
				if !got[strconv.FormatInt(n, 10)] {
					t.Errorf("message %d of %d is lost", n, acked.Load())
				}
			}
		})
	}
}

// A message that Publish has returned nil for survives a crash, even if the
// application's connections do not wait for that.
func TestAsynchronousCommitsOfTheAppLoseNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t, "-c", "synchronous_commit=off", "-c", "wal_writer_delay=10s")
	b := newBroker(t, s, "pull_")
	for n := range 20 {
		if err := b.Publish(t.Context(), []byte(strconv.Itoa(n))); err != nil {
			t.Fatal(err)
		}
	}
	s.kill(t)
	s.start(t)
	l := follow(t, newBroker(t, s, "pull_"))
	publish(t, b, "end")

	if got := l.sees(t, "end"); len(got) != 21 {
		t.Errorf("got %d messages, want 21", len(got))
	}
}

func TestDeadServerIsNoticedAndHealed(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(*server, *testing.T) }{
		"frozen": {func(s *server, t *testing.T) { s.freeze(t) }, func(s *server, _ *testing.T) { s.thaw() }},
		"killed": {func(s *server, t *testing.T) { s.kill(t) }, func(s *server, t *testing.T) { s.start(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := newBroker(t, s, "pull_")
			l := follow(t, b)
			publish(t, b, "before")
			before := find(l.sees(t, "before"), "before")
			watch := newStopwatch(t)

			fault.begin(s, t)

			err := b.Publish(context.Background(), []byte("during"))
			if took := time.Since(watch.start); err == nil || took > watch.limit() {
				t.Errorf("Publish returned %v after %v, want an error within %v", err, took, patience)
			}
			at, err := l.fails(t, 1)
			if took := at.Sub(watch.start); took > watch.limit() {
				t.Errorf("Subscribe returned %v after %v, want %v", err, took, patience)
			}
			fault.end(s, t)
			publish(t, b, "after")
			entries := l.sees(t, "after")
			if got := find(entries, "after"); got.epoch != before.epoch || got.offset <= before.offset {
				t.Errorf("got %v, want an offset after %v in its epoch", got, before)
			}
		})
	}
}

// Whatever the log has lost, nodes learn it within the time in which they would
// notice a dead server, and not only when somebody publishes. The log that
// follows has another name.
func TestLostLogIsAnotherEpoch(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*server, *testing.T){
		"wiped":     func(s *server, t *testing.T) { s.kill(t); s.wipe(t); s.start(t) },
		"truncated": func(s *server, t *testing.T) { s.exec(t, "TRUNCATE pull_log") },
		"deleted":   func(s *server, t *testing.T) { s.exec(t, "DELETE FROM pull_log") },
		"end deleted": func(s *server, t *testing.T) {
			s.exec(t, `DELETE FROM pull_log WHERE "offset" > 1`)
		},
		"dropped": func(s *server, t *testing.T) { s.exec(t, "DROP TABLE pull_log, pull_meta CASCADE") },
		"meta deleted": func(s *server, t *testing.T) {
			s.exec(t, "DELETE FROM pull_meta")
		},
		"emptied and filled": func(s *server, t *testing.T) {
			s.exec(t, "TRUNCATE pull_log")
			b := newBroker(t, s, "pull_")
			publish(t, b, "new 1", "new 2", "new 3", "new 4", "new 5")
		},
		"snapshot of the disk": func(s *server, t *testing.T) { s.rewind(t) },
		"snapshot of the disk, filled": func(s *server, t *testing.T) {
			s.rewind(t)
			s.exec(t, `SELECT pull_publish('abcdef', '{1,2,3,4,5,6}', '{1,1,1,1,1,1}', '', 0, 0)`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := newBroker(t, s, "pull_")
			l := follow(t, b)
			publish(t, b, "1")
			l.sees(t, "1")
			s.snapshot(t)
			publish(t, b, "2", "3")
			before := find(l.sees(t, "3"), "3")
			_, failed, _ := l.state()

			lose(s, t)

			watch := newStopwatch(t)
			at, err := l.fails(t, len(failed)+1)
			if took := at.Sub(watch.start); took > watch.limit() {
				t.Errorf("Subscribe returned %v after %v, want %v", err, took, patience)
			}
			publish(t, b, "after")
			if got := find(l.sees(t, "after"), "after"); got.epoch == before.epoch {
				t.Errorf("got %v, want another epoch than %v", got, before)
			}
			late := follow(t, newBroker(t, s, "pull_"))
			if got := find(late.sees(t, "after"), "after"); got.epoch == before.epoch {
				t.Errorf("a node that started later got %v, want another epoch than %v", got, before)
			}
		})
	}
}

// A node that has published and read nothing knows what was lost, whatever it
// does next, and although another message has the offset.
func TestAcknowledgedMessageThatNobodyHasReadIsMissed(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(*testing.T, *pgbroker.Broker) entry{
		"publishes": func(t *testing.T, b *pgbroker.Broker) entry {
			publish(t, b, "after")
			return find(follow(t, b).sees(t, "after"), "after")
		},
		"reads": func(t *testing.T, b *pgbroker.Broker) entry {
			return find(follow(t, b).sees(t, "another 2"), "another 2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := newBroker(t, s, "pull_")
			publish(t, b, "1")
			early := find(follow(t, newBroker(t, s, "pull_")).sees(t, "1"), "1")
			s.snapshot(t)
			publish(t, b, "2")
			s.rewind(t)
			publish(t, newBroker(t, s, "pull_"), "another 2")

			got := act(t, b)

			if got.epoch == early.epoch {
				t.Errorf("got %v, want another epoch than %v", got, early)
			}
		})
	}
}

// A log that was emptied is another one, also for nodes that know nothing of it.
func TestEmptiedLogIsAnotherEpochForNewNodes(t *testing.T) {
	t.Parallel()
	s, prefix := shared(t), newPrefix()
	b := newBroker(t, s, prefix)
	publish(t, b, "before")
	l := follow(t, b)
	before := find(l.sees(t, "before"), "before")
	l.stop()
	s.exec(t, "TRUNCATE "+prefix+"log")

	next := newBroker(t, s, prefix)
	publish(t, next, "after")

	if got := find(follow(t, next).sees(t, "after"), "after"); got.epoch == before.epoch || got.offset != 1 {
		t.Errorf("got %v, want offset 1 in another epoch than %v", got, before)
	}
}

// snapshot copies the data as a snapshot of the disk would have it.
func (s *server) snapshot(t testing.TB) {
	t.Helper()
	s.kill(t)
	copyData(t, s.data(), filepath.Join(s.dir, "snapshot"))
	s.start(t)
}

// rewind puts the snapshot in place of the data.
func (s *server) rewind(t testing.TB) {
	t.Helper()
	s.kill(t)
	if err := os.RemoveAll(s.data()); err != nil {
		t.Fatal(err)
	}
	copyData(t, filepath.Join(s.dir, "snapshot"), s.data())
	s.start(t)
}

func copyData(t testing.TB, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v %s", err, out)
	}
}
