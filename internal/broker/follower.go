package broker

import (
	"context"
	"slices"
	"time"
)

// A follower reads the log. Memory.mu guards next.
type follower struct {
	wake chan struct{} // signalled when there are new messages
	next uint64        // everything before this offset is read
}

// Follow is Subscribe for a caller that takes all available messages at once.
// The batch is valid until take returns.
func Follow(ctx context.Context, m *Memory, window time.Duration, take func(batch []Delivery)) error {
	f, epoch, next := m.join(time.Now().Add(-window).UnixNano())
	defer m.leave(f)

	var batch []Delivery
	for ctx.Err() == nil {
		batch = m.after(f, epoch, next, batch[:0])
		if len(batch) > 0 {
			epoch, next = batch[0].Epoch, batch[len(batch)-1].Offset+1
			take(batch)
			clear(batch)
			continue
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
		}
	}
	return nil
}

// join adds a follower. It begins with the position from which on the log has all
// messages that are not older than oldest.
func (m *Memory) join(oldest int64) (f *follower, epoch string, next uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.ensureEpoch()
	f = &follower{wake: make(chan struct{}, 1), next: m.since(oldest)}
	m.followers = append(m.followers, f)
	return f, m.epoch, f.next
}

func (m *Memory) leave(f *follower) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.followers = slices.DeleteFunc(m.followers, func(other *follower) bool { return other == f })
}

// after records that a follower has read everything before next, and appends the
// messages from there on to a batch. If the epoch has changed, it starts at the first
// message of the log.
func (m *Memory) after(f *follower, epoch string, next uint64, batch []Delivery) []Delivery {
	const most = 4096

	m.mu.Lock()
	defer m.mu.Unlock()

	first := m.first()
	if epoch == m.epoch {
		f.next = next
	} else {
		next = first
	}
	for offset := max(next, first); offset < m.next && len(batch) < most; offset++ {
		batch = append(batch, Delivery{m.epoch, offset, m.message(offset)})
	}
	return batch
}
