package broker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/signal"
	"github.com/echo-pull/pull/internal/window"
)

const (
	// DefaultCount and DefaultBytes are the bounds of a Memory that sets none.
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

	// transient reports whether a message matters only until all followers have
	// read it. Such messages take no room from others. nil: no message does.
	transient func(message []byte) bool

	mu             sync.Mutex // guards what follows
	epoch          string
	next           uint64 // offset of the next message to append
	log            window.Deque[record]
	lastingUsage   usage                    // of the messages that are not transient
	transientUsage usage                    // of those that are
	emptiedTo      uint64                   // transient messages before this offset are empty
	followers      map[chan struct{}]uint64 // the offset that each reads next; the channel is signalled after Append
}

// A record is a message with the time at which it entered the log.
type record struct {
	at      int64 // unix nanoseconds
	message []byte
}

// Publish implements [Broker]. It never blocks.
func (m *Memory) Publish(ctx context.Context, messages ...[]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	Append(m, messages)
	return nil
}

// NewMemory returns a log in which transient messages take no room from others.
// The functions NewMemory, Append, Follow, Renew, TakeSnapshot and Restore are
// for the plugin itself. They are not methods, because the methods of Memory
// are public.
func NewMemory(count, bytes int, passing func(message []byte) bool) *Memory {
	return &Memory{Count: count, Bytes: bytes, transient: passing}
}

// Append is Publish without a context.
func Append(m *Memory, messages [][]byte) {
	now := time.Now().UnixNano()

	m.mu.Lock()
	defer m.mu.Unlock()

	m.ensureEpoch()
	for _, message := range messages {
		if m.next > envelope.MaxOffset {
			m.newEpoch()
		}
		m.push(record{now, message})
	}
	m.trim()
	for follower := range m.followers {
		signal.Send(follower)
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

// Follow is Subscribe for a caller that takes all available messages at once.
// The batch is valid until take returns.
func Follow(ctx context.Context, m *Memory, window time.Duration, take func(batch []Delivery)) error {
	news := make(chan struct{}, 1)
	epoch, next := m.join(news, time.Now().Add(-window).UnixNano())
	defer m.leave(news)

	var batch []Delivery
	for ctx.Err() == nil {
		m.advance(news, epoch, next)
		batch = m.after(epoch, next, batch[:0])
		if len(batch) > 0 {
			epoch, next = batch[0].Epoch, batch[len(batch)-1].Offset+1
			take(batch)
			clear(batch)
			continue
		}
		select {
		case <-news:
		case <-ctx.Done():
		}
	}
	return nil
}

// join adds a follower and returns the position of the first message that is
// not older than oldest.
func (m *Memory) join(news chan struct{}, oldest int64) (epoch string, next uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.ensureEpoch()
	if m.followers == nil {
		m.followers = make(map[chan struct{}]uint64)
	}
	i := 0
	for i < m.log.Len() && m.log.At(i).at < oldest {
		i++
	}
	m.followers[news] = m.first() + uint64(i)
	return m.epoch, m.followers[news]
}

func (m *Memory) leave(news chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()

	delete(m.followers, news)
}

// advance records that a follower has read everything before next.
func (m *Memory) advance(news chan struct{}, epoch string, next uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()

	if epoch == m.epoch {
		m.followers[news] = next
	}
}

// after appends the messages from offset next on to a batch. If the epoch has
// changed, it starts at the first message of the log.
func (m *Memory) after(epoch string, next uint64, batch []Delivery) []Delivery {
	const most = 4096

	m.mu.Lock()
	defer m.mu.Unlock()

	first := m.first()
	if epoch != m.epoch {
		next = first
	}
	for offset := max(next, first); offset < m.next && len(batch) < most; offset++ {
		batch = append(batch, Delivery{m.epoch, offset, m.log.At(int(offset - first)).message}) //nolint:gosec // an index
	}
	return batch
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
	m.log, m.lastingUsage, m.transientUsage, m.emptiedTo = window.Deque[record]{}, usage{}, usage{}, 0
	for news := range m.followers {
		m.followers[news] = 0
	}
}

// first returns the offset of the oldest message. The caller holds mu.
func (m *Memory) first() uint64 { return m.next - uint64(m.log.Len()) } //nolint:gosec // a length

// A Snapshot is the content of a log, as stored in the state file.
type Snapshot struct {
	Epoch    string
	First    uint64
	Times    []int64
	Messages [][]byte
}

// TakeSnapshot returns the content of the log.
func TakeSnapshot(m *Memory) Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.ensureEpoch()
	img := Snapshot{Epoch: m.epoch, First: m.first()}
	for i := range m.log.Len() {
		img.Times = append(img.Times, m.log.At(i).at)
		img.Messages = append(img.Messages, m.log.At(i).message)
	}
	return img
}

// Check returns an error if the snapshot has values that no Memory writes.
func (s *Snapshot) Check() error {
	count := uint64(len(s.Messages))
	switch {
	case envelope.CheckIDs("epoch", []string{s.Epoch}) != nil, s.First == 0, s.First > envelope.MaxOffset, s.First+count > envelope.MaxOffset:
		return errors.New("impossible position")
	case len(s.Times) != len(s.Messages):
		return errors.New("incomplete log")
	case slices.ContainsFunc(s.Times, func(at int64) bool { return at < 0 }):
		return errors.New("impossible time")
	}
	return nil
}

// Restore continues the log of a snapshot in an unused Memory.
func Restore(m *Memory, img Snapshot) error {
	m.mu.Lock()
	defer m.mu.Unlock()

	if err := img.Check(); err != nil {
		return err
	}
	m.epoch, m.next = img.Epoch, img.First
	for i, message := range img.Messages {
		if len(message) == 0 {
			message = nil // as it was before
		}
		m.push(record{img.Times[i], message})
	}
	m.trim()
	return nil
}
