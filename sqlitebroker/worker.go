package sqlitebroker

import (
	"context"
	"errors"
	"time"
)

// run starts the goroutine that writes, or wakes it. It ends when nothing is left
// to do, so a broker need not be closed.
func (b *Broker) run() {
	if !b.working {
		b.working = true
		go b.work(context.Background())
		return
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *Broker) work(ctx context.Context) {
	l := &lease{broker: b, synchronous: b.durability()}
	for {
		batch, trim := b.next()
		switch {
		case batch != nil:
			err := b.commit(ctx, l, batch)
			for _, r := range batch {
				r.done <- errors.Join(err, r.gone)
			}
		case trim:
			b.trim(ctx, l)
		case b.linger(l):
		default:
			l.end()
			if b.rest() {
				return
			}
		}
	}
}

// linger keeps the connection for a moment in which the next message often comes,
// and reports whether it has come. The only connection is not kept.
func (b *Broker) linger(l *lease) bool {
	const moment = time.Millisecond
	if l.conn == nil || b.config.DB.Stats().MaxOpenConnections == 1 {
		return false
	}
	timer := time.NewTimer(moment)
	defer timer.Stop()
	select {
	case <-b.wake:
		return true
	case <-timer.C:
		return false
	}
}

// rest ends the goroutine that writes if nothing is left to do.
func (b *Broker) rest() bool {
	b.mu.Lock()
	defer b.mu.Unlock()

	if len(b.queue) > 0 || b.trimming {
		return false
	}
	b.queue, b.working = nil, false
	return true
}

// A transaction has at most so many messages and bytes, unless one call has more.
const (
	batchMessages = 1024
	batchBytes    = 4 << 20
)

// next returns what to write next: calls of Publish before old messages that are
// to be deleted, or nothing.
func (b *Broker) next() (batch []*request, trim bool) {
	b.mu.Lock()
	defer b.mu.Unlock()

	n, messages, size := 0, 0, 0
	for _, r := range b.queue {
		messages += len(r.messages)
		size += r.size
		if n > 0 && (messages > batchMessages || size > batchBytes) {
			break
		}
		n++
	}
	overdue := b.published >= b.config.KeepCount/4+batchMessages // a burst does not pause for what is old
	if trim = b.trimming && (n == 0 || overdue); trim {
		b.trimming, b.trimmed = false, time.Now()
		return nil, true
	}
	if n > 0 {
		batch, b.queue = b.queue[:n:n], b.queue[n:]
		return batch, false
	}
	return nil, false
}
