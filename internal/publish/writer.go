package publish

import (
	"context"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// Run publishes batches until ctx ends. Then it reports the events that are
// left; they are lost.
func (p *Publisher) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if batches := p.take(false); len(batches) > 0 {
			p.writeBatches(ctx, batches)
			continue
		}
		select {
		case <-p.wake:
		case <-ctx.Done():
		}
	}
	p.writeBatches(ctx, p.take(true))
	if p.lost > 0 {
		p.report(fmt.Errorf("pull: %d events did not reach the broker before the end of the shutdown", p.lost))
	}
}

// take removes all batches from the queue. After the last take nothing is
// accepted any more.
func (p *Publisher) take(last bool) []Batch {
	p.mu.Lock()
	defer p.mu.Unlock()

	taken := p.queue
	p.queue, p.ended, p.busy = nil, last, len(p.queue) > 0
	return taken
}

// writeBatches writes batches in chunks. What queued up while the broker was
// busy is written together, and what exceeds one chunk in several.
func (p *Publisher) writeBatches(ctx context.Context, batches []Batch) {
	var chunk [][]byte
	size, from := 0, 0
	for i, b := range batches {
		for _, raw := range b.Messages {
			if len(chunk) == chunkMessages || size > 0 && size+len(raw) > chunkBytes {
				err := p.write(ctx, chunk)
				p.settleAll(batches[from:i], err)
				chunk, size, from = nil, 0, i
			}
			chunk = append(chunk, raw)
			size += len(raw)
		}
	}
	p.settleAll(batches[from:], p.write(ctx, chunk))
}

// settleAll settles batches after their last chunk was written, and counts the
// lost events.
func (p *Publisher) settleAll(batches []Batch, err error) {
	for _, b := range batches {
		p.settle(b, err)
		if err != nil {
			p.lost += b.Events
		}
	}
}

// settle releases the places of a batch and wakes the goroutine that waits for
// it.
func (p *Publisher) settle(b Batch, err error) {
	p.finish(&b, err)
	if b.done != nil {
		b.done <- err
	}
}

// write retries until the log holds the chunk or ctx ends. Messages keep their
// names, and nodes drop a message that they have already applied.
func (p *Publisher) write(ctx context.Context, chunk [][]byte) error {
	if len(chunk) == 0 {
		return nil
	}
	before := envelope.Seq(chunk[0]) - 1
	for wait := shortestRetry; ; wait = min(2*wait, longestRetry) {
		if ctx.Err() != nil {
			return ErrClosed
		}
		if wait > shortestRetry {
			p.stats.retries.Add(1)
		}
		err := p.publish(ctx, chunk)
		p.failing.Store(err != nil)
		if err == nil {
			p.outage.Succeed()
			p.pace(ctx, before)
			return nil
		}
		if ctx.Err() != nil { // the shutdown has ended the call
			return ErrClosed
		}
		p.stats.failures.Add(1)
		p.outage.Report(fmt.Errorf("pull: publish: %w", err))
		select {
		case <-time.After(wait):
		case <-p.mended:
		case <-ctx.Done():
			return ErrClosed
		}
	}
}

// pace waits until this node has applied everything that was published before
// the last chunk. Then a burst meets the bound of the queue, and not that of the
// log's memory. A node that makes no progress at all has lost the log: then
// pace stops waiting after StallTimeout.
func (p *Publisher) pace(ctx context.Context, before uint64) {
	for {
		applied := p.progress.Applied()
		if applied >= before {
			return
		}
		patience, cancel := context.WithTimeout(ctx, StallTimeout)
		moved := p.progress.Await(patience, func() bool { return p.progress.Applied() != applied })
		cancel()
		if !moved {
			return
		}
	}
}
