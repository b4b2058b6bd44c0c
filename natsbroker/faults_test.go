package natsbroker_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/natsbroker"
)

// patience is how soon a dead server must be noticed.
const patience = 5 * time.Second

// A load publishes numbers until it ends, each until the log has it.
type load struct {
	acked   atomic.Int64 // the last number for which Publish has returned nil
	stopped context.CancelFunc
	ended   chan struct{}
}

func startLoad(t testing.TB, b pull.Broker) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{stopped: cancel, ended: make(chan struct{})}
	t.Cleanup(l.stop)
	go func() {
		defer close(l.ended)
		for n := int64(1); ctx.Err() == nil; {
			if b.Publish(ctx, []byte(strconv.FormatInt(n, 10))) == nil {
				l.acked.Store(n)
				n++
			}
		}
	}()
	return l
}

func (l *load) stop() { l.stopped(); <-l.ended }

// complete reports an error unless entries have every number of a load, without
// a hole.
func (l *load) complete(t testing.TB, entries []entry) {
	t.Helper()
	unbroken(t, entries)
	got := make(map[string]bool)
	for _, e := range entries {
		got[e.message] = true
	}
	for n := int64(1); n <= l.acked.Load(); n++ {
		if !got[strconv.FormatInt(n, 10)] {
			t.Errorf("message %d of %d is lost", n, l.acked.Load())
		}
	}
}

// A restart of the server loses nothing that Publish has returned nil for, so
// the epoch stays, whatever the server was doing.
func TestRestartOfTheServerLosesNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*server, *testing.T){
		"restarted": func(s *server, t *testing.T) { s.restart(t) },
		"killed":    func(s *server, t *testing.T) { s.stop(); s.start(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b, other := newBroker(t, s, "pull"), newBroker(t, s, "pull")
			l, second := follow(t, b), follow(t, other)
			load := startLoad(t, b)
			l.sees(t, "100")

			end(s, t)

			l.sees(t, strconv.FormatInt(load.acked.Load()+100, 10))
			load.stop()
			publish(t, other, "end")
			load.complete(t, l.sees(t, "end"))
			load.complete(t, second.sees(t, "end"))
			if _, failed, _ := l.state(); len(failed) > 1 {
				t.Errorf("got errors %v, want one for the outage at most", failed)
			}
		})
	}
}

func TestDeadServerIsNoticedToldOnceAndHealed(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(*server, *testing.T) }{
		"frozen": {func(s *server, t *testing.T) { s.freeze(t) }, func(s *server, _ *testing.T) { s.thaw() }},
		"killed": {func(s *server, _ *testing.T) { s.stop() }, func(s *server, t *testing.T) { s.start(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := newBroker(t, s, "pull")
			l := follow(t, b)
			publish(t, b, "before")
			before := find(l.sees(t, "before"), "before")
			start := time.Now()

			fault.begin(s, t)

			err := b.Publish(context.Background(), []byte("during"))
			if took := time.Since(start); err == nil || took > patience {
				t.Errorf("Publish returned %v after %v, want an error within %v", err, took, patience)
			}
			at, err := l.fails(t, 1)
			if took := at.Sub(start); took > patience {
				t.Errorf("Subscribe returned %v after %v, want %v", err, took, patience)
			}
			if err := b.Publish(context.Background(), []byte("during")); err == nil { // long enough for a second report
				t.Error("Publish returned nil while the server was dead")
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

// Whatever the log has lost, nodes learn it within the time in which they would
// notice a dead server, and not only when somebody publishes. The log that
// follows has another name.
func TestLostLogIsAnotherEpoch(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(s *server, t *testing.T, back func()){
		"wiped": func(s *server, t *testing.T, _ func()) { s.wipe(t); s.start(t) },
		"deleted": func(s *server, t *testing.T, _ func()) {
			remove(t, s)
		},
		"recreated, shorter": func(s *server, t *testing.T, _ func()) {
			remove(t, s)
			publish(t, newBroker(t, s, "pull"), "new 1")
		},
		"recreated, as long": func(s *server, t *testing.T, _ func()) {
			remove(t, s)
			fill(t, newBroker(t, s, "pull"), 3)
		},
		"recreated, longer": func(s *server, t *testing.T, _ func()) {
			remove(t, s)
			fill(t, newBroker(t, s, "pull"), 10)
		},
		"purged": func(s *server, t *testing.T, _ func()) {
			js := operator(t, s.url())
			stream, err := js.Stream(t.Context(), "pull")
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Purge(t.Context()); err == nil {
				t.Fatal("the stream can be purged")
			}
			remove(t, s)
		},
		"backup":          func(_ *server, _ *testing.T, back func()) { back() },
		"backup, as long": func(s *server, t *testing.T, back func()) { back(); fill(t, newBroker(t, s, "pull"), 2) },
		"backup, longer":  func(s *server, t *testing.T, back func()) { back(); fill(t, newBroker(t, s, "pull"), 10) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := newBroker(t, s, "pull")
			l := follow(t, b)
			publish(t, b, "1")
			l.sees(t, "1")
			back := s.snapshot(t)
			publish(t, b, "2")
			publish(t, b, "3")
			before := find(l.sees(t, "3"), "3")
			_, failed, _ := l.state()

			start := time.Now()
			lose(s, t, back)
			done := time.Now()

			at, err := l.fails(t, len(failed)+1)
			if took := at.Sub(done); took > patience {
				t.Errorf("Subscribe returned %v after %v, want %v", err, at.Sub(start), patience)
			}
			publish(t, b, "after")
			if got := find(l.sees(t, "after"), "after"); got.epoch == before.epoch {
				t.Errorf("got %v, want another epoch than %v", got, before)
			}
			late := follow(t, newBroker(t, s, "pull"))
			if got := find(late.sees(t, "after"), "after"); got.epoch != find(l.sees(t, "after"), "after").epoch {
				t.Errorf("a node that started later got %v, want the epoch of the others", got)
			}
		})
	}
}

func remove(t testing.TB, s *server) {
	t.Helper()
	if err := operator(t, s.url()).DeleteStream(t.Context(), "pull"); err != nil {
		t.Fatal(err)
	}
	<-time.After(100 * time.Millisecond) // see Broker.create: the server is still at it
}

// fill publishes messages one by one.
func fill(t testing.TB, b pull.Broker, count int) {
	t.Helper()
	for n := range count {
		publish(t, b, "new "+strconv.Itoa(n))
	}
}

// A node that has published and read nothing knows what was lost, whatever it
// does next, and although another message has the place.
func TestAcknowledgedMessageThatNobodyHasReadIsMissed(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(*testing.T, *natsbroker.Broker) entry{
		"publishes": func(t *testing.T, b *natsbroker.Broker) entry {
			publish(t, b, "after")
			return find(follow(t, b).sees(t, "after"), "after")
		},
		"reads": func(t *testing.T, b *natsbroker.Broker) entry {
			return find(follow(t, b).sees(t, "another 3"), "another 3")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := newBroker(t, s, "pull")
			publish(t, b, "1")
			l := follow(t, newBroker(t, s, "pull"))
			early := find(l.sees(t, "1"), "1")
			l.stop()
			back := s.snapshot(t)
			publish(t, b, "2")
			back()
			other := newBroker(t, s, "pull")
			publish(t, other, "another 2")
			publish(t, other, "another 3")

			got := act(t, b)

			if got.epoch == early.epoch {
				t.Errorf("got %v, want another epoch than %v", got, early)
			}
		})
	}
}

// When all messages have expired, running nodes and nodes that start still know
// the next offset.
func TestQuietLogKeepsItsEpoch(t *testing.T) {
	t.Parallel()
	s, prefix := shared(t), newPrefix()
	short := func(c *natsbroker.Config) { c.KeepAge = 2 * time.Second }
	b := newBroker(t, s, prefix, short)
	l := follow(t, b)
	publish(t, b, "1", "2")
	before := find(l.sees(t, "2"), "2")
	js := operator(t, s.url())
	eventually(t, func() error { // until the first message has expired
		stream, err := js.Stream(t.Context(), prefix)
		if err == nil && stream.CachedInfo().State.FirstSeq < 3 {
			err = context.DeadlineExceeded
		}
		return err
	})

	other := newBroker(t, s, prefix, short)
	publish(t, other, "3")

	if got := find(l.sees(t, "3"), "3"); got.epoch != before.epoch || got.offset != before.offset+1 {
		t.Errorf("got %v, want the offset after %v", got, before)
	}
}

// The log is full: the oldest messages go, the newest one comes, and a subscriber
// that was not behind notices nothing.
func TestFullStreamDropsTheOldest(t *testing.T) {
	s, prefix := shared(t), newPrefix()
	b := newBroker(t, s, prefix, func(c *natsbroker.Config) { c.KeepBytes = 64 << 10 })
	l := follow(t, b)
	for n := range 100 {
		publish(t, b, strconv.Itoa(n), string(make([]byte, 4<<10)))
		l.sees(t, strconv.Itoa(n)) // it is never behind
	}
	publish(t, b, "end")
	unbroken(t, l.sees(t, "end"))
	late := follow(t, newBroker(t, s, prefix)).sees(t, "end")
	if len(late) > 40 || late[len(late)-1] != find(l.sees(t, "end"), "end") {
		t.Errorf("got %d messages up to %v, want the last few", len(late), late[len(late)-1])
	}
	unbroken(t, late)
}

// Storage that the server has not got is an error, and nothing is skipped when
// there is some again.
func TestServerWithoutStorageIsAnError(t *testing.T) {
	s := newServer(t, func(s *settings) { s.MaxMemory = 1 << 20 })
	js := operator(t, s.url())
	_, err := natsbroker.New(natsbroker.Config{URL: s.url(), Create: true, Memory: true})
	if err == nil {
		t.Fatal("got nil for a stream that is larger than the server's memory")
	}
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "pull", Subjects: []string{"pull.log"}, DenyDelete: true, DenyPurge: true, Storage: jetstream.MemoryStorage,
	})
	if err != nil {
		t.Fatal(err)
	}
	ballast := jetstream.StreamConfig{Name: "ballast", Subjects: []string{"ballast"}, Storage: jetstream.MemoryStorage}
	if _, err = js.CreateStream(t.Context(), ballast); err == nil {
		_, err = js.Publish(t.Context(), "ballast", make([]byte, 1000<<10))
	}
	if err != nil {
		t.Fatal(err)
	}
	b := newBroker(t, s, "pull")
	l := follow(t, b)
	publish(t, b, "before")
	for err = nil; err == nil; {
		err = b.Publish(t.Context(), make([]byte, 10<<10))
	}
	if err := js.DeleteStream(t.Context(), "ballast"); err != nil {
		t.Fatal(err)
	}
	publish(t, b, "after")
	unbroken(t, l.sees(t, "after"))
}
