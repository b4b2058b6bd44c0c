package redisbroker_test

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/echo-pull/pull/redisbroker"
)

// patience is how soon a dead server must be noticed.
const patience = 5 * time.Second

// longer is what tests allow: they share their machine.
const longer = 2 * patience

// A restart of the server loses nothing that Publish has returned nil for, so
// the epoch stays, whatever the server was doing.
func TestRestartOfTheServerLosesNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*server, *testing.T){
		"restarted": func(s *server, t *testing.T) { s.restart(t) },
		"killed":    func(s *server, t *testing.T) { s.kill(t); s.start(t) },
		"twice":     func(s *server, t *testing.T) { s.restart(t); s.kill(t); s.start(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "--appendfsync", "always") // else the disk may be too slow for what is killed
			b, other := newBroker(t, s, "pull"), newBroker(t, s, "pull")
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
			second.sees(t, "100")

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
			if _, failed, _ := l.state(); len(failed) != 1 && name != "twice" {
				t.Errorf("got errors %v, want one for the outage", failed)
			}
			if _, doubt := s.hash(t, "doubt"); doubt {
				eventually(t, func() error { return s.settled(t) })
			}
		})
	}
}

// A server that is dead or does not answer is noticed within five seconds, by an
// error from Publish and one from Subscribe. Afterwards the node goes on.
func TestDeadServerIsNoticedToldOnceAndHealed(t *testing.T) {
	t.Parallel()
	freeze, thaw := func(s *server, t *testing.T) { s.freeze(t) }, func(s *server, _ *testing.T) { s.thaw() }
	kill, start := func(s *server, t *testing.T) { s.kill(t) }, func(s *server, t *testing.T) { s.start(t) }
	own, appsOwn := func(*redisbroker.Config) {}, func(c *redisbroker.Config) { c.Client, c.URL = open(t, c.URL), "" }
	for name, fault := range map[string]struct {
		begin, end func(*server, *testing.T)
		configure  func(*redisbroker.Config)
	}{
		"frozen":         {freeze, thaw, own},
		"killed":         {kill, start, own},
		"frozen, Client": {freeze, thaw, appsOwn},
		"killed, Client": {kill, start, appsOwn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := newBroker(t, s, "pull", fault.configure)
			l := follow(t, b)
			publish(t, b, "before")
			before := find(l.sees(t, "before"), "before")
			began := time.Now()

			fault.begin(s, t)

			err := b.Publish(context.Background(), []byte("during"))
			if took := time.Since(began); err == nil || took > longer {
				t.Errorf("Publish returned %v after %v, want an error within %v", err, took, patience)
			}
			at, err := l.fails(t, 1)
			if took := at.Sub(began); took > longer {
				t.Errorf("Subscribe returned %v after %v, want %v", err, took, patience)
			}
			if strings.HasPrefix(name, "frozen") { // long enough for a second report
				if err := b.Publish(context.Background(), []byte("during")); err == nil {
					t.Error("Publish returned nil while the server was frozen")
				}
			}
			fault.end(s, t)
			publish(t, b, "after")
			entries := l.sees(t, "after")
			if got := find(entries, "after"); got.epoch != before.epoch || got.offset <= before.offset {
				t.Errorf("got %v, want an offset after %v in its epoch", got, before)
			}
			if _, failed, _ := l.state(); len(failed) != 1 {
				t.Errorf("got errors %v, want one", failed)
			}
		})
	}
}

// What does not touch the log is no gap: events go on in the same epoch.
func TestFaultsWithoutLossKeepTheEpoch(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*server, *testing.T){
		"connections killed": func(s *server, t *testing.T) { s.do(t, []any{"CLIENT", "KILL", "TYPE", "normal"}) },
		"scripts flushed":    func(s *server, t *testing.T) { s.do(t, []any{"SCRIPT", "FLUSH"}) },
		"a busy second":      func(s *server, t *testing.T) { s.do(t, []any{"DEBUG", "SLEEP", "1.5"}) },
		"rewritten":          func(s *server, t *testing.T) { s.do(t, []any{"BGREWRITEAOF"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b, other := newBroker(t, s, "pull"), newBroker(t, s, "pull")
			l := follow(t, b)
			publish(t, other, "1", "2")
			l.sees(t, "2")

			fault(s, t)

			publish(t, other, "3")
			unbroken(t, l.sees(t, "3"))
			publish(t, b, "4")
			entries := l.sees(t, "4")
			unbroken(t, entries)
			if _, failed, _ := l.state(); len(failed) > 0 && name != "connections killed" {
				t.Errorf("got errors %v", failed)
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
		"wiped":       func(s *server, t *testing.T) { s.kill(t); s.wipe(t); s.start(t) },
		"flushed":     func(s *server, t *testing.T) { s.do(t, []any{"FLUSHALL"}) },
		"log deleted": func(s *server, t *testing.T) { s.do(t, []any{"DEL", "{pull}:log"}) },
		"log deleted and filled": func(s *server, t *testing.T) {
			s.do(t, []any{"DEL", "{pull}:log"})
			publish(t, newBroker(t, s, "pull"), "new 4")
		},
		"hash deleted and filled": func(s *server, t *testing.T) {
			s.do(t, []any{"DEL", "{pull}:meta"})
			publish(t, newBroker(t, s, "pull"), "new 4")
		},
		"hash deleted":  func(s *server, t *testing.T) { s.do(t, []any{"DEL", "{pull}:meta"}) },
		"emptied":       func(s *server, t *testing.T) { s.do(t, []any{"XTRIM", "{pull}:log", "MAXLEN", "0"}) },
		"end deleted":   func(s *server, t *testing.T) { s.deleteLast(t) },
		"hash set back": func(s *server, t *testing.T) { s.do(t, []any{"HSET", "{pull}:meta", "last", "0-0"}) },
		"flushed and filled": func(s *server, t *testing.T) {
			s.do(t, []any{"FLUSHALL"})
			b := newBroker(t, s, "pull")
			publish(t, b, "new 1", "new 2", "new 3", "new 4", "new 5")
		},
		"restored below the server": func(s *server, t *testing.T) { s.restore(t) },
		"restored and filled": func(s *server, t *testing.T) {
			s.restore(t)
			publish(t, newBroker(t, s, "pull"), "new 1", "new 2", "new 3", "new 4", "new 5")
		},
		"snapshot of the disk": func(s *server, t *testing.T) { s.rewind(t) },
		"snapshot of the disk, filled": func(s *server, t *testing.T) {
			s.rewind(t)
			publish(t, newBroker(t, s, "pull"), "new 1", "new 2", "new 3", "new 4", "new 5")
		},
		"evicted": func(s *server, t *testing.T) {
			s.do(t, []any{"CONFIG", "SET", "maxmemory-policy", "allkeys-random"}, []any{"CONFIG", "SET", "maxmemory", "1"})
			c := open(t, s.url())
			eventually(t, func() error {
				_ = c.Set(t.Context(), "other", "x", 0).Err() // what does not fit makes room
				return s.gone(t)
			})
			s.do(t, []any{"CONFIG", "SET", "maxmemory", "0"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := newBroker(t, s, "pull")
			l := follow(t, b)
			publish(t, b, "1")
			l.sees(t, "1")
			s.snapshot(t)
			s.dump(t)
			publish(t, b, "2", "3")
			before := find(l.sees(t, "3"), "3")
			_, failed, _ := l.state()

			lose(s, t)

			start := time.Now()
			at, err := l.fails(t, len(failed)+1)
			if took := at.Sub(start); took > longer {
				t.Errorf("Subscribe returned %v after %v, want %v", err, took, patience)
			}
			publish(t, b, "after")
			entries := l.sees(t, "after")
			if got := find(entries, "after"); got.epoch == before.epoch {
				t.Errorf("got %v, want another epoch than %v", got, before)
			}
			late := follow(t, newBroker(t, s, "pull"))
			if got := find(late.sees(t, "after"), "after"); got.epoch == before.epoch {
				t.Errorf("a node that started later got %v, want another epoch than %v", got, before)
			}
			publish(t, b, "last")
			got := l.sees(t, "last")
			if now, later := find(got, "after"), find(got, "last"); now.epoch != later.epoch || now.offset+1 != later.offset {
				t.Errorf("got %v after %v, want the next offset of the same epoch", later, now)
			}
		})
	}
}

// A node that has published and read nothing knows what was lost, whatever it
// does next, and although another message has the offset.
func TestAcknowledgedMessageThatNobodyHasReadIsMissed(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(*testing.T, *redisbroker.Broker) entry{
		"publishes": func(t *testing.T, b *redisbroker.Broker) entry {
			publish(t, b, "after")
			return find(follow(t, b).sees(t, "after"), "after")
		},
		"reads": func(t *testing.T, b *redisbroker.Broker) entry {
			return find(follow(t, b).sees(t, "another 2"), "another 2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := newBroker(t, s, "pull")
			publish(t, b, "1")
			early := find(follow(t, newBroker(t, s, "pull")).sees(t, "1"), "1")
			s.snapshot(t)
			publish(t, b, "2")
			s.rewind(t)
			publish(t, newBroker(t, s, "pull"), "another 2")

			got := act(t, b)

			if got.epoch == early.epoch {
				t.Errorf("got %v, want another epoch than %v", got, early)
			}
		})
	}
}

// What a node knew that died together with the end of the log, nobody can
// confirm. So the others do not go on as if nothing had happened.
func TestEndOfTheLogThatDiedWithItsNodeIsAGap(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(*redisbroker.Broker)
		kept bool
	}{
		"died":  {func(*redisbroker.Broker) {}, false},
		"ended": {func(b *redisbroker.Broker) { _ = b.Close() }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := newBroker(t, s, "pull")
			publish(t, b, "1")
			test.end(b)
			s.snapshot(t)
			if !test.kept {
				publish(t, b, "2")
			}
			s.rewind(t)
			next := newBroker(t, s, "pull")
			l := follow(t, next)
			before := find(l.sees(t, "1"), "1")

			if test.kept {
				publish(t, next, "after")
				unbroken(t, l.sees(t, "after"))
				if _, doubt := s.hash(t, "doubt"); doubt {
					t.Error("the nodes wait for one that has ended in order")
				}
				return
			}
			_, _ = l.fails(t, 1)
			publish(t, next, "after")
			if got := find(l.sees(t, "after"), "after"); got.epoch == before.epoch {
				t.Errorf("got %v, want another epoch than %v", got, before)
			}
		})
	}
}

// What a node knew that has been dead for long is on the server's disk.
func TestNodeThatDiedLongAgoIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	dead, b := newBroker(t, s, "pull"), newBroker(t, s, "pull")
	publish(t, dead, "1")
	l := follow(t, b)
	l.sees(t, "1")
	eventually(t, func() error { return s.nodes(t, 1) })

	s.restart(t)

	publish(t, b, "2")
	unbroken(t, l.sees(t, "2"))
	if _, doubt := s.hash(t, "doubt"); doubt {
		t.Error("the nodes wait for one that has been dead for long")
	}
}

// Without an append-only file, nobody knows what a restart has lost.
func TestRestartWithoutAppendOnlyFileIsAGap(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--appendonly", "no", "--save", "3600 1")
	b := newBroker(t, s, "pull")
	l := follow(t, b)
	publish(t, b, "1")
	before := find(l.sees(t, "1"), "1")

	s.restart(t)

	publish(t, b, "2")
	entries := l.sees(t, "2")
	if got := find(entries, "2"); got.epoch == before.epoch {
		t.Errorf("got %v, want another epoch than %v", got, before)
	}
	if got := find(entries, "1"); got.epoch == before.epoch {
		t.Errorf("got %v, want what was saved in the epoch that follows", got)
	}
}

// A node that publishes right after the log has lost something does not hide
// that: nobody has looked at the log meanwhile.
func TestPublishIntoALostLogIsAnotherEpoch(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*server, *testing.T){
		"log deleted": func(s *server, t *testing.T) { s.do(t, []any{"DEL", "{pull}:log"}) },
		"set back":    func(s *server, t *testing.T) { s.restore(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := newBroker(t, s, "pull")
			publish(t, b, "1")
			s.dump(t)
			publish(t, b, "2")
			epoch, _ := s.hash(t, "epoch")

			lose(s, t)
			publish(t, b, "3")

			if got, _ := s.hash(t, "epoch"); got == epoch {
				t.Errorf("the epoch is still %v", got)
			}
		})
	}
}

// What a node publishes after another has renewed the log is missed like anything
// else.
func TestMessageOfARenewedLogIsMissed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b, other := newBroker(t, s, "pull"), newBroker(t, s, "pull")
	publish(t, b, "1")
	s.do(t, []any{"XTRIM", "{pull}:log", "MAXLEN", "0"})
	l := follow(t, other) // renews it
	publish(t, other, "2")
	renewed := find(l.sees(t, "2"), "2")
	s.snapshot(t)
	publish(t, b, "3")
	l.stop()
	_ = other.Close()
	s.rewind(t)

	publish(t, b, "4")

	if got := find(follow(t, b).sees(t, "4"), "4"); got.epoch == renewed.epoch {
		t.Errorf("got %v, want another epoch than %v", got, renewed)
	}
}
