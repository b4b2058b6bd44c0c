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

// The bounds of a Memory that sets none.
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

	// passing tells which messages matter only until the followers have them.
	// They take no place from others; nil is none.
	passing func(message []byte) bool

	mu        sync.Mutex // guards what follows
	epoch     string
	next      uint64 // offset of the next message
	log       window.Deque[record]
	lasting   weight
	passed    weight
	emptied   uint64                   // before this offset passing messages are empty
	followers map[chan struct{}]uint64 // what each takes next; it is signalled when there is something new
}

// A record is a message with the time it entered the log.
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

// NewMemory returns a log in which messages that pass take no room from others.
func NewMemory(count, bytes int, passing func(message []byte) bool) *Memory {
	return &Memory{Count: count, Bytes: bytes, passing: passing}
}

// Append is Publish without a context.
func Append(m *Memory, messages [][]byte) {
	now := time.Now().UnixNano()

	m.mu.Lock()
	defer m.mu.Unlock()

	m.start()
	for _, message := range messages {
		if m.next > envelope.MaxOffset {
			m.begin()
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

// Follow is Subscribe for those who rather take all that there is at once. The
// batch is valid until take returns.
func Follow(ctx context.Context, m *Memory, window time.Duration, take func(batch []Delivery)) error {
	news := make(chan struct{}, 1)
	epoch, next := m.join(news, time.Now().Add(-window).UnixNano())
	defer m.leave(news)

	var batch []Delivery
	for ctx.Err() == nil {
		m.had(news, epoch, next)
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
// not older than a time.
func (m *Memory) join(news chan struct{}, oldest int64) (epoch string, next uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.start()
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

// had notes that a follower has had everything before an offset.
func (m *Memory) had(news chan struct{}, epoch string, next uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()

	if epoch == m.epoch {
		m.followers[news] = next
	}
}

// after appends messages from the offset next on to a batch, or from the first
// one on where the epoch is another by now.
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

// start makes the zero value a log with a name of its own.
func (m *Memory) start() {
	if m.epoch == "" {
		m.begin()
	}
}

// Renew begins another log. What nobody has read of this one is lost, which the
// new epoch tells.
func Renew(m *Memory) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.begin()
}

func (m *Memory) begin() {
	m.epoch, m.next = envelope.NewID(), 1
	m.log, m.lasting, m.passed, m.emptied = window.Deque[record]{}, weight{}, weight{}, 0
	for news := range m.followers {
		m.followers[news] = 0
	}
}

func (m *Memory) first() uint64 { return m.next - uint64(m.log.Len()) } //nolint:gosec // a length

// A Image is a log at rest, as the state file holds it.
type Image struct {
	Epoch    string
	First    uint64
	Times    []int64
	Messages [][]byte
}

// ImageOf returns the log as it is.
func ImageOf(m *Memory) Image {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.start()
	img := Image{Epoch: m.epoch, First: m.first()}
	for i := range m.log.Len() {
		img.Times = append(img.Times, m.log.At(i).at)
		img.Messages = append(img.Messages, m.log.At(i).message)
	}
	return img
}

// Check reports values that no Memory writes.
func (img *Image) Check() error {
	count := uint64(len(img.Messages))
	switch {
	case envelope.CheckIDs("epoch", []string{img.Epoch}) != nil, img.First == 0, img.First > envelope.MaxOffset, img.First+count > envelope.MaxOffset:
		return errors.New("impossible position")
	case len(img.Times) != len(img.Messages):
		return errors.New("incomplete log")
	case slices.ContainsFunc(img.Times, func(at int64) bool { return at < 0 }):
		return errors.New("impossible time")
	}
	return nil
}

// Restore continues the log of an image in an unused Memory.
func Restore(m *Memory, img Image) error {
	m.mu.Lock()
	defer m.mu.Unlock()

	if err := img.Check(); err != nil {
		return err
	}
	m.epoch, m.next = img.Epoch, img.First
	for i, message := range img.Messages {
		if len(message) == 0 {
			message = nil // as it was
		}
		m.push(record{img.Times[i], message})
	}
	m.trim()
	return nil
}
