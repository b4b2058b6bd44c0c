package natsbroker_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull"
)

// An entry is a delivered message.
type entry struct {
	epoch   string
	offset  uint64
	message string
}

// A tail is a node that follows the log as the plugin does: when the
// subscription ends, it subscribes again.
type tail struct {
	stop func()

	mu      sync.Mutex // guards what follows
	entries []entry
	failed  []error
	when    []time.Time // of the errors
	grew    chan struct{}
}

func follow(t testing.TB, b pull.Broker) *tail {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &tail{grew: make(chan struct{})}
	ended := make(chan struct{})
	l.stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(l.stop)
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			err := b.Subscribe(ctx, time.Minute, func(epoch string, offset uint64, message []byte) {
				l.add(func() { l.entries = append(l.entries, entry{epoch, offset, string(message)}) })
			})
			if err != nil {
				l.add(func() { l.failed, l.when = append(l.failed, err), append(l.when, time.Now()) })
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	return l
}

func (l *tail) add(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()

	f()
	close(l.grew)
	l.grew = make(chan struct{})
}

// state returns what there is, and what is closed when there is more.
func (l *tail) state() ([]entry, []error, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()

	return slices.Clone(l.entries), slices.Clone(l.failed), l.grew
}

// sees waits for the message and returns all entries up to now.
func (l *tail) sees(t testing.TB, message string) []entry {
	t.Helper()
	entries, _ := l.awaits(t, "the message "+message, func(entries []entry, _ []error) bool {
		return slices.ContainsFunc(entries, func(e entry) bool { return e.message == message })
	})
	return entries
}

// fails waits for the nth error of Subscribe.
func (l *tail) fails(t testing.TB, n int) (time.Time, error) {
	t.Helper()
	l.awaits(t, fmt.Sprintf("%d errors", n), func(_ []entry, failed []error) bool { return len(failed) >= n })
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.when[n-1], l.failed[n-1]
}

func (l *tail) awaits(t testing.TB, what string, condition func([]entry, []error) bool) ([]entry, []error) {
	t.Helper()
	end := time.After(30 * time.Second)
	for {
		entries, failed, grew := l.state()
		if condition(entries, failed) {
			return entries, failed
		}
		select {
		case <-grew:
		case <-end:
			t.Fatalf("got %d messages %.300v and errors %v, want %s", len(entries), entries, failed, what)
		}
	}
}

// find returns the last entry with the message.
func find(entries []entry, message string) entry {
	for _, e := range slices.Backward(entries) {
		if e.message == message {
			return e
		}
	}
	return entry{}
}

// unbroken reports an error unless entries are of one epoch without a hole.
// Repetitions, which a new subscription begins with, are left out.
func unbroken(t testing.TB, entries []entry) {
	t.Helper()
	at := make(map[uint64]entry)
	var last uint64
	for _, e := range entries {
		known, again := at[e.offset]
		switch {
		case again && known != e:
			t.Fatalf("got %v, want %v as before", e, known)
		case !again && last != 0 && (e.offset != last+1 || e.epoch != at[last].epoch):
			t.Fatalf("%v follows %v, want the next offset of the same epoch", e, at[last])
		}
		at[e.offset] = e
		last = max(last, e.offset)
	}
}

// publish publishes until the log has the messages, as the plugin does.
func publish(t testing.TB, b pull.Broker, messages ...string) {
	t.Helper()
	list := make([][]byte, len(messages))
	for i, m := range messages {
		list[i] = []byte(m)
	}
	eventually(t, func() error { return b.Publish(context.Background(), list...) })
}

func contains(errs []error, text string) bool {
	return slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), text) })
}
