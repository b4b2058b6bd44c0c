package publish

import (
	"context"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/signal"
)

// Queued returns the number of reserved places, which is that of all events
// between Send and the log, and the bytes of these events.
func (p *Publisher) Queued() (events, bytes int) {
	return int(p.events.Load()), int(p.bytes.Load())
}

// Reserve reserves a place in the queue for an event of size bytes. It returns
// ErrQueueFull if there is none, and ErrClosed after Drain has been called.
func (p *Publisher) Reserve(size int) error {
	events, bytes := p.events.Add(1), p.bytes.Add(int64(size))
	if events > maxEvents/2 || bytes > MaxBytes/2 {
		p.stats.crowded.Add(1)
		time.Sleep(slowdown) //nolint:forbidigo // see slowdown
	}
	switch {
	case p.closed.Load():
		p.Release(1, size)
		return ErrClosed
	case events > maxEvents || bytes > MaxBytes:
		p.Release(1, size)
		return ErrQueueFull
	}
	return nil
}

// Accepts returns ErrClosed after Drain has been called.
func (p *Publisher) Accepts() error {
	if p.closed.Load() {
		return ErrClosed
	}
	return nil
}

// Ready returns nil if there is room in the queue and the broker has not refused
// the last call. Otherwise it returns why not.
func (p *Publisher) Ready() error {
	switch {
	case p.closed.Load():
		return ErrClosed
	case p.events.Load() >= maxEvents || p.bytes.Load() >= MaxBytes:
		return ErrQueueFull
	case p.failing.Load():
		return errRefused
	}
	return nil
}

// Release gives back reserved places and bytes.
func (p *Publisher) Release(events, size int) {
	p.bytes.Add(-int64(size))
	p.events.Add(-int64(events))
	signal.Send(p.freed)
}

// finish ends the use of a batch: the log has it, or err is why not.
func (p *Publisher) finish(b *Batch, err error) {
	if b.Settled != nil {
		b.Settled(err)
	}
	p.release(b)
}

// release gives back what a batch occupied.
func (p *Publisher) release(b *Batch) {
	p.Release(b.Events, b.Size)
	if b.relay {
		p.relays.Add(-1)
	}
}

// Drain makes Reserve return ErrClosed from now on, and waits until all reserved
// places are released: their events were published or discarded.
func (p *Publisher) Drain(ctx context.Context) error {
	p.closed.Store(true)
	for p.events.Load() > 0 {
		select {
		case <-p.freed:
		case <-ctx.Done():
			return fmt.Errorf("pull: %d events are left in the publisher's queue: %w", p.events.Load(), ctx.Err())
		}
	}
	return nil
}
