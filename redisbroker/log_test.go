package redisbroker_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/echo-pull/pull/redisbroker"
)

// Many publishers on two nodes: every subscriber sees the same log.
func TestAllSubscribersSeeTheSameLog(t *testing.T) {
	const publishers, each = 8, 100
	s, prefix := shared(t), newPrefix()
	nodes := []*redisbroker.Broker{newBroker(t, s, prefix), newBroker(t, s, prefix)}
	var tails []*tail
	for range 3 {
		tails = append(tails, follow(t, nodes[0]), follow(t, nodes[1]))
	}

	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for i := range each {
				publish(t, nodes[rand.IntN(2)], fmt.Sprint(p, " ", i))
			}
		})
	}
	all.Wait()
	publish(t, nodes[0], "end")

	first := tails[0].sees(t, "end")
	if len(first) != publishers*each+1 {
		t.Errorf("got %d messages, want %d", len(first), publishers*each+1)
	}
	unbroken(t, first)
	for _, l := range append(tails[1:], follow(t, nodes[1])) {
		if got := l.sees(t, "end"); !slices.Equal(got, first) {
			t.Errorf("got %d messages, want the same %d as another subscriber", len(got), len(first))
		}
	}
}

func TestSizes(t *testing.T) {
	s := shared(t)
	b := newBroker(t, s, newPrefix())
	l := follow(t, b)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	sizes := [][]byte{nil, {}, {0}, every, bytes.Repeat(every, 256), bytes.Repeat(every, 16<<10)}
	for range 512 {
		sizes = append(sizes, bytes.Repeat(every, rand.IntN(8)))
	}
	for range 20 { // more than a group takes
		sizes = append(sizes, bytes.Repeat(every, 1<<10))
	}

	if err := b.Publish(t.Context(), sizes...); err != nil {
		t.Fatal(err)
	}

	publish(t, b, "end")
	for _, l := range []*tail{l, follow(t, b)} {
		entries := l.sees(t, "end")
		unbroken(t, entries)
		entries = distinct(entries)
		if len(entries) != len(sizes)+1 {
			t.Fatalf("got %d messages, want %d", len(entries), len(sizes)+1)
		}
		for i, want := range sizes {
			if entries[i].message != string(want) {
				t.Errorf("message %d has %d bytes, want the %d that were published", i, len(entries[i].message), len(want))
			}
		}
	}
}

// distinct returns the entries without what a subscription repeats that begins
// again, such as on a machine that is too busy for large messages.
func distinct(entries []entry) []entry {
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.offset, b.offset) })
	return slices.Compact(entries)
}

func TestWindowOfManyMessages(t *testing.T) {
	const many = 100_000
	s := shared(t)
	b := newBroker(t, s, newPrefix())
	batch := make([]string, 1000)
	for i := 0; i < many; i += len(batch) {
		for j := range batch {
			batch[j] = strconv.Itoa(i + j)
		}
		publish(t, b, batch...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	next := 0
	err := b.Subscribe(ctx, time.Hour, func(_ string, _ uint64, message []byte) {
		if string(message) != strconv.Itoa(next) {
			t.Errorf("got %q, want %d", message, next)
			cancel()
		}
		if next++; next == many {
			cancel()
		}
	})
	if err != nil || next != many {
		t.Errorf("got %d messages and %v, want %d", next, err, many)
	}
}

// write replaces the log by messages of certain times, as if it had been written
// then. The messages are their numbers.
func (s *server) write(t testing.TB, prefix string, times ...time.Time) {
	t.Helper()
	c := open(t, s.url())
	log, meta := "{"+prefix+"}:log", "{"+prefix+"}:meta"
	at := "0-0"
	_, err := c.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		p.Del(t.Context(), log)
		for n, when := range times {
			at = fmt.Sprintf("%d-%d123456", n+1, when.UnixMilli())
			p.XAdd(t.Context(), &redis.XAddArgs{Stream: log, ID: at, Values: []string{"m", strconv.Itoa(n)}})
		}
		p.HSet(t.Context(), meta, "last", at)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The window is what is younger than an age by the server's clock.
func TestWindowLeavesOutWhatIsOlder(t *testing.T) {
	s := shared(t)
	for young := range 41 {
		prefix := newPrefix()
		b := newBroker(t, s, prefix)
		publish(t, b, "makes the keys")
		times := slices.Repeat([]time.Time{time.Now().Add(-5 * time.Minute)}, 40)
		for i := range young {
			times[39-i] = time.Now().Add(-10 * time.Second)
		}
		s.write(t, prefix, times...)
		publish(t, b, "end")

		entries := follow(t, b).sees(t, "end")

		if len(entries) != young+1 || young > 0 && entries[0].message != strconv.Itoa(40-young) {
			t.Errorf("with %d young messages of 40 the window has %d, which begin with %v", young, len(entries)-1, entries[0])
		}
		unbroken(t, entries)
	}
}

// A clock of the server that is set back, by an hour in this case, changes neither
// the order nor the window.
func TestServerClockThatGoesBack(t *testing.T) {
	s, prefix := shared(t), newPrefix()
	b := newBroker(t, s, prefix)
	publish(t, b, "makes the keys")
	s.write(t, prefix, time.Now(), time.Now().Add(time.Hour), time.Now().Add(time.Hour))
	l := follow(t, b)
	publish(t, b, "a", "b")
	publish(t, b, "end")

	entries := l.sees(t, "end")

	unbroken(t, entries)
	if late := follow(t, newBroker(t, s, prefix)).sees(t, "end"); len(entries) != 6 || !slices.Equal(late, entries) {
		t.Errorf("got %v and later %v, want six messages", entries, late)
	}
}

// What is published while the server's clock is behind is in the window when the
// clock is right again.
func TestServerClockThatIsBehindForAWhile(t *testing.T) {
	s, prefix := shared(t), newPrefix()
	b, behind := newBroker(t, s, prefix), newBroker(t, s, prefix)
	redisbroker.SkewServer(behind, -10*time.Minute)
	publish(t, b, "before")
	publish(t, behind, "while", "it", "is", "behind")
	publish(t, b, "end")

	entries := follow(t, b).sees(t, "end")

	if unbroken(t, entries); len(entries) != 6 {
		t.Errorf("got %v, want all six messages", entries)
	}
}

// length returns an error unless the log has at most so many messages.
func (s *server) length(t testing.TB, prefix string, most int64) error {
	t.Helper()
	c := open(t, s.url())
	defer func() { _ = c.Close() }()
	n, err := c.XLen(t.Context(), "{"+prefix+"}:log").Result()
	if err == nil && n > most {
		err = fmt.Errorf("the log has %d messages, want at most %d", n, most)
	}
	return err
}

func TestOldMessagesAreDeletedAndOffsetsGoOn(t *testing.T) {
	for name, configure := range map[string]func(*redisbroker.Config){
		"count": func(c *redisbroker.Config) { c.KeepCount = 1 },
		"age":   func(c *redisbroker.Config) { c.KeepAge = 2 * time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			s, prefix := shared(t), newPrefix()
			b, other := newBroker(t, s, prefix, configure), newBroker(t, s, prefix, configure)
			l, second := follow(t, b), follow(t, other)
			for range 5 {
				publish(t, b, slices.Repeat([]string{"old"}, 1000)...)
			}
			publish(t, b, "last")
			epoch := find(l.sees(t, "last"), "last").epoch

			eventually(t, func() error { return s.length(t, prefix, 1) })

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
		})
	}
}

// A subscriber that is too slow for the log sees a hole, which says so.
func TestSlowSubscriberSeesAHole(t *testing.T) {
	s, prefix := shared(t), newPrefix()
	b := newBroker(t, s, prefix, func(c *redisbroker.Config) { c.KeepCount = 10 })
	l := follow(t, b) // trims
	first, release := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var entries []entry
	ended := make(chan error, 1)
	go func() {
		ended <- b.Subscribe(ctx, time.Minute, func(epoch string, offset uint64, message []byte) {
			entries = append(entries, entry{epoch, offset, string(message)})
			switch string(message) {
			case "first":
				close(first)
				<-release
			case "end":
				cancel()
			}
		})
	}()
	publish(t, b, "first")
	<-first
	for range 3 {
		publish(t, b, slices.Repeat([]string{"more"}, 1000)...)
	}
	publish(t, b, "end")
	l.sees(t, "end")
	eventually(t, func() error { return s.length(t, prefix, 10) })

	close(release)

	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if a, z := entries[0], entries[len(entries)-1]; len(entries) > 20 || z.offset != 3002 || a.epoch != z.epoch {
		t.Errorf("got %d messages from %v to %v, want the first and the last ten", len(entries), a, z)
	}
}

var calls = regexp.MustCompile(`cmdstat_evalsha:calls=(\d+)`)

// scriptCalls returns how many scripts have run.
func (s *server) scriptCalls(t testing.TB) int {
	t.Helper()
	info, err := open(t, s.url()).Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	found := calls.FindStringSubmatch(info)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

// Calls of Publish that wait together share a script, and so does a batch.
func TestPublishersShareScripts(t *testing.T) {
	const count = 200
	s := newServer(t)
	b := newBroker(t, s, "pull")
	publish(t, b, "first")
	before := s.scriptCalls(t)
	s.freeze(t)
	var all, began sync.WaitGroup
	for n := range count {
		began.Add(1)
		all.Go(func() {
			began.Done()
			if err := b.Publish(t.Context(), []byte(strconv.Itoa(n))); err != nil {
				t.Error(err)
			}
		})
	}
	began.Wait()
	s.thaw()
	all.Wait()

	if n := s.scriptCalls(t) - before; n > count/4 {
		t.Errorf("%d calls took %d scripts, want far fewer", count, n)
	}
	before = s.scriptCalls(t)
	publish(t, b, slices.Repeat([]string{"batch"}, 512)...)
	if n := s.scriptCalls(t) - before; n != 1 {
		t.Errorf("a batch of 512 took %d scripts, want 1", n)
	}
}

// A call that gives up takes the others' messages with it nowhere.
func TestCallThatGivesUpHarmsNoOther(t *testing.T) {
	s := newServer(t)
	b := newBroker(t, s, "pull")
	publish(t, b, "first")
	s.freeze(t)
	ctx, cancel := context.WithCancel(t.Context())
	gone, stays := make(chan error, 20), make(chan error, 20)
	for n := range 20 {
		go func() { gone <- b.Publish(ctx, []byte("gone")) }()
		go func() { stays <- b.Publish(t.Context(), []byte("stays "+strconv.Itoa(n))) }()
	}
	cancel()
	for range 20 {
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("a call whose context had ended returned %v", err)
		}
	}
	s.thaw()

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
