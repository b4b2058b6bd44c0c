package brokertest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A bench is a broker under test with its readers.
type bench struct {
	Broker
	suite   *Suite
	ctx     context.Context //nolint:containedctx // of one test
	readers []*reader
	t       testing.TB // for faults
}

func (b *bench) close() {
	for _, r := range b.readers {
		r.stop()
		<-r.ended
	}
}

// publish publishes strings in one call.
func (b *bench) publish(messages ...string) error { return b.publishIn(b.ctx, messages) }

// publishWithin is publish, and gives up after a time.
func (b *bench) publishWithin(limit time.Duration, messages []string) error {
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	return b.publishIn(ctx, messages)
}

func (b *bench) publishIn(ctx context.Context, messages []string) error {
	list := make([][]byte, len(messages))
	for i, m := range messages {
		list[i] = []byte(m)
	}
	if err := b.Publish(ctx, list...); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// A record is a message that a reader has received.
type record struct {
	epoch   string
	offset  uint64
	message string // a copy made by deliver
	raw     []byte // the slice that deliver was given
}

func (r record) String() string { return fmt.Sprintf("%s.%d %.40q", r.epoch, r.offset, r.message) }

func (r record) same(other record) bool {
	return r.epoch == other.epoch && r.offset == other.offset && r.message == other.message
}

// A reader is one subscription.
type reader struct {
	stop  context.CancelFunc
	ended chan struct{} // closed when Subscribe has returned
	err   error         // what it returned

	inside   atomic.Int32 // running calls of deliver
	overlaps atomic.Int32 // calls that began during another

	mu   sync.Mutex // guards what follows
	log  []record
	grew chan struct{} // closed when log grows
}

const window = 30 * time.Minute // includes everything that a test publishes

func (b *bench) subscribe() *reader { return b.subscribeTo(func(record) {}) }

// subscribeTo starts a reader that calls each for every message.
func (b *bench) subscribeTo(each func(record)) *reader {
	ctx, cancel := context.WithCancel(b.ctx)
	r := &reader{stop: cancel, ended: make(chan struct{}), grew: make(chan struct{})}
	b.readers = append(b.readers, r)
	go func() {
		defer close(r.ended)
		r.err = b.Subscribe(ctx, window, func(epoch string, offset uint64, message []byte) {
			if r.inside.Add(1) > 1 {
				r.overlaps.Add(1)
			}
			defer r.inside.Add(-1)
			got := record{epoch, offset, string(message), message}
			each(got)
			r.add(got)
		})
	}()
	return r
}

func (r *reader) add(got record) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.log = append(r.log, got)
	close(r.grew)
	r.grew = make(chan struct{})
}

func (r *reader) all() ([]record, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.log[:len(r.log):len(r.log)], r.grew
}

// read waits for the message last and returns all messages so far. A later
// message is an error of the broker, which the caller finds by comparing.
func (b *bench) read(r *reader, last string) ([]record, error) {
	for read := 0; ; {
		log, grew := r.all()
		if slices.ContainsFunc(log[read:], func(got record) bool { return got.message == last }) {
			return log, nil
		}
		read = len(log)
		select {
		case <-grew:
		case <-r.ended:
			return log, fmt.Errorf("subscription ended with %v after %d messages, want %.40q", r.err, len(log), last) //nolint:errorlint // may be nil
		case <-b.ctx.Done():
			return log, fmt.Errorf("got %d messages, want %.40q as well", len(log), last)
		}
	}
}

func texts(log []record) []string {
	list := make([]string, len(log))
	for i, r := range log {
		list[i] = r.message
	}
	return list
}

// want returns an error if the log differs from the expected messages.
func want(log []record, messages ...string) error {
	if got := texts(log); !slices.Equal(got, messages) {
		return fmt.Errorf("got %d messages %.200q, want %d: %.200q", len(got), got, len(messages), messages)
	}
	return nil
}

// steady returns an error if the log has several epochs or a hole.
func steady(log []record) error {
	for i := 1; i < len(log); i++ {
		if log[i].epoch != log[0].epoch || log[i].offset != log[i-1].offset+1 {
			return fmt.Errorf("%v follows %v, want the next offset of the same epoch", log[i], log[i-1])
		}
	}
	return nil
}
