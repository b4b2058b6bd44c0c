package broker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/signal"
	"github.com/echo-pull/pull/internal/window"
)

// DefaultCount and DefaultBytes are the bounds of a Memory that sets none.
const (
	DefaultCount = 100_000
	DefaultBytes = 64 << 20
)

// Memory is the embedded broker: the log of a single node, in memory. The zero
// value is ready to use. Memory drops the oldest messages first when it exceeds
// a bound. A subscriber that falls further behind sees a hole. Memory is safe
// for concurrent use.
type Memory struct {
	Count int // largest number of messages; 0 or less means the default, 100,000
	Bytes int // largest size of the messages; the last one is always kept; 0 or less means 64 MiB

	// Age is how long messages are kept, to within two seconds, once all subscribers
	// have read them. Each Publish drops up to 1,000 of the older ones, and the
	// plugin drops all of them every ten seconds. 0 or less means until another
	// bound is exceeded.
	Age time.Duration

	// transient reports whether a message matters only until all followers have
	// read it. Such messages take no room from others. nil: no message does.
	transient func(message []byte) bool

	// needed holds the offset of the first message that is needed once all
	// followers have read it. nil: all are.
	needed *atomic.Uint64

	mu        sync.Mutex // guards what follows
	epoch     string
	next      uint64 // offset of the next message to append
	followers []*follower
	content
}

// content is the messages of a Memory. mu guards it.
type content struct {
	records window.Deque[record] // one of each message
	moments window.Deque[moment] // when they entered the log
	blocks  window.Deque[block]  // the bytes of those that are not transient
	count   int                  // number of those that are not transient
	bytes   int                  // their size
	shared  int                  // size of the last block for several messages

	controls     window.Deque[control] // the transient ones that have not been removed
	controlBytes int
}

// Publish implements [Broker]. It never blocks, and does not keep the slices.
func (m *Memory) Publish(ctx context.Context, messages ...[]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	Append(m, messages)
	return nil
}

// NewMemory returns a log in which transient messages take no room from others,
// and which drops what all followers have read and is before the offset in
// needed. That offset is of the log that they have read from last.
// The functions NewMemory, Append, Follow, Trim, Renew, TakeSnapshot and Restore
// are for the plugin itself. They are not methods, because the methods of
// Memory are public.
func NewMemory(count, bytes int, age time.Duration, transient func(message []byte) bool, needed *atomic.Uint64) *Memory {
	return &Memory{Count: count, Bytes: bytes, Age: age, transient: transient, needed: needed}
}

// Append is Publish without a context. The log has a copy of the messages.
func Append(m *Memory, messages [][]byte) {
	now := time.Now().UnixNano()

	m.mu.Lock()
	defer m.mu.Unlock()

	m.ensureEpoch()
	for _, message := range messages {
		if m.next > envelope.MaxOffset {
			m.newEpoch()
		}
		m.push(now, message)
	}
	m.trim(now, trimStep+len(messages))
	for _, f := range m.followers {
		signal.Send(f.wake)
	}
}

// Subscribe implements [Broker].
func (m *Memory) Subscribe(ctx context.Context, window time.Duration, deliver func(epoch string, offset uint64, message []byte)) error {
	return Follow(ctx, m, window, func(batch []Delivery) {
		for _, d := range batch {
			if ctx.Err() == nil {
				deliver(d.Epoch, d.Offset, d.Raw)
			}
		}
	})
}

// ensureEpoch names the log of a zero value. The caller holds mu.
func (m *Memory) ensureEpoch() {
	if m.epoch == "" {
		m.newEpoch()
	}
}

// Renew begins another log. Followers that have not read the end of this one
// lose it, which they see by the new epoch.
func Renew(m *Memory) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.newEpoch()
}

// newEpoch begins an empty log. The caller holds mu.
func (m *Memory) newEpoch() {
	m.epoch, m.next = envelope.NewID(), 1
	m.content = content{}
	for _, f := range m.followers {
		f.next = 0
	}
}

// first returns the offset of the oldest message. The caller holds mu.
func (m *Memory) first() uint64 { return m.next - uint64(m.records.Len()) } //nolint:gosec // a length
