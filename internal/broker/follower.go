package broker

import (
	"context"
	"time"
)

// Follow is Subscribe for a caller that takes all available messages at once.
// The batch is valid until take returns.
func Follow(ctx context.Context, m *Memory, window time.Duration, take func(batch []Delivery)) error {
	wake := make(chan struct{}, 1)
	epoch, next := m.join(wake, time.Now().Add(-window).UnixNano())
	defer m.leave(wake)

	var batch []Delivery
	for ctx.Err() == nil {
		m.advance(wake, epoch, next)
		batch = m.after(epoch, next, batch[:0])
		if len(batch) > 0 {
			epoch, next = batch[0].Epoch, batch[len(batch)-1].Offset+1
			take(batch)
			clear(batch)
			continue
		}
		select {
		case <-wake:
		case <-ctx.Done():
		}
	}
	return nil
}

// join adds a follower and returns the position from which on the log has all
// messages that are not older than oldest.
func (m *Memory) join(wake chan struct{}, oldest int64) (epoch string, next uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.ensureEpoch()
	if m.followers == nil {
		m.followers = make(map[chan struct{}]uint64)
	}
	m.followers[wake] = m.since(oldest)
	return m.epoch, m.followers[wake]
}

func (m *Memory) leave(wake chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()

	delete(m.followers, wake)
}

// advance records that a follower has read everything before next.
func (m *Memory) advance(wake chan struct{}, epoch string, next uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()

	if epoch == m.epoch {
		m.followers[wake] = next
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
		batch = append(batch, Delivery{m.epoch, offset, m.message(offset)})
	}
	return batch
}
