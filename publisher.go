package pull

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

const (
	publisherEvents = 65_536   // events that may wait for the broker
	publisherBytes  = 64 << 20 // bytes of them
	// brake is how long one Send takes longer while the queue is more than half
	// full: code that sends in a tight loop outruns everything behind it, and
	// is better slowed down a little than refused.
	brake = 100 * time.Microsecond

	// One request may take so much of the queue, so that it is not somebody else's
	// request that fails.
	shareEvents = publisherEvents / 4
	shareBytes  = publisherBytes / 4

	batchMessages = 512     // messages handed to the broker at once
	batchBytes    = 4 << 20 // bytes of them, unless one message has more

	// What the publisher has handed over and this node has not applied is two
	// batches at most.
	aheadMessages = 2 * batchMessages
	aheadBytes    = 4 * batchBytes

	shortestRetry = 50 * time.Millisecond
	longestRetry  = 2 * time.Second
	stuck         = 5 * time.Second // without progress of the node the publisher goes on
)

// A publisher hands shipments to the broker, one after another, on a goroutine
// of the plugin's. Its queue is bounded: a place in it is reserved when an event
// is sent, so that the epilogue, which can tell nobody, never finds it full.
type publisher struct {
	broker Broker
	node   *node
	report func(error)

	events, bytes atomic.Int64 // reserved
	closed        atomic.Bool
	lost          int // events that could not leave; the goroutine's own

	mu     sync.Mutex // guards what follows
	memory *Memory    // the broker, where that is the one that never waits
	seq    uint64     // of the last message
	queue  []shipment

	unapplied int // bytes that went directly since the node had applied everything

	busy  bool // the goroutine is publishing
	ended bool // nobody takes from the queue any more

	wake  chan struct{} // something is in the queue
	freed chan struct{} // places were given back
}

func newPublisher(broker Broker, n *node, report func(error)) *publisher {
	memory, _ := broker.(*Memory)
	return &publisher{
		broker: broker, memory: memory, node: n, report: report,
		wake: make(chan struct{}, 1), freed: make(chan struct{}, 1),
	}
}

// reserve takes a place for an event of so many bytes.
func (p *publisher) reserve(size int) error {
	events, bytes := p.events.Add(1), p.bytes.Add(int64(size))
	if events > publisherEvents/2 || bytes > publisherBytes/2 {
		time.Sleep(brake) //nolint:forbidigo // see brake
	}
	switch {
	case p.closed.Load():
		p.release(1, size)
		return ErrClosed
	case events > publisherEvents || bytes > publisherBytes:
		p.release(1, size)
		return ErrQueueFull
	}
	return nil
}

func (p *publisher) release(events, size int) {
	p.bytes.Add(-int64(size))
	p.events.Add(-int64(events))
	signal(p.freed)
}

// signal wakes the one who waits, now or when it next does.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run publishes until ctx ends. Then nothing that is left can leave.
func (p *publisher) run(ctx context.Context) {
	for ctx.Err() == nil {
		if shipments := p.take(false); len(shipments) > 0 {
			p.publishAll(ctx, shipments)
			continue
		}
		select {
		case <-p.wake:
		case <-ctx.Done():
		}
	}
	p.publishAll(ctx, p.take(true))
	if p.lost > 0 {
		p.report(fmt.Errorf("pull: %d events did not reach the broker before the end of the shutdown", p.lost))
	}
}

func (p *publisher) take(last bool) []shipment {
	p.mu.Lock()
	defer p.mu.Unlock()

	taken := p.queue
	p.queue, p.ended, p.busy = nil, last, len(p.queue) > 0
	return taken
}

// publishAll publishes shipments in batches: what queued up while the broker
// was busy leaves together, and what is too much for one batch in several.
func (p *publisher) publishAll(ctx context.Context, shipments []shipment) {
	var batch [][]byte
	size, from := 0, 0
	for i, s := range shipments {
		for _, raw := range s.messages {
			if len(batch) == batchMessages || size > 0 && size+len(raw) > batchBytes {
				err := p.publish(ctx, batch)
				p.settleAll(shipments[from:i], err)
				batch, size, from = nil, 0, i
			}
			batch = append(batch, raw)
			size += len(raw)
		}
	}
	p.settleAll(shipments[from:], p.publish(ctx, batch))
}

func (p *publisher) settleAll(shipments []shipment, err error) {
	for _, s := range shipments {
		p.settle(s, err)
		if err != nil {
			p.lost += s.events
		}
	}
}

// settle gives back what a shipment has reserved and tells who waits for it.
func (p *publisher) settle(s shipment, err error) {
	p.release(s.events, s.size)
	if s.done != nil {
		s.done <- err
	}
}

// publish tries until the log holds the batch or ctx ends. A message is sent
// again under the name it has, and a node that has had it drops it.
func (p *publisher) publish(ctx context.Context, batch [][]byte) error {
	if len(batch) == 0 {
		return nil
	}
	before := envelope.Seq(batch[0]) - 1
	for wait := shortestRetry; ; wait = min(2*wait, longestRetry) {
		if ctx.Err() != nil {
			return ErrClosed
		}
		err := p.broker.Publish(ctx, batch...)
		if err == nil {
			p.pace(ctx, before)
			return nil
		}
		p.report(fmt.Errorf("pull: publish: %w", err))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ErrClosed
		}
	}
}

// pace waits until this node has applied what was published before the last
// batch, so that a burst meets the publisher's bound and not the end of the log's
// memory. A node that makes no progress at all has lost the log: then waiting
// helps nobody.
func (p *publisher) pace(ctx context.Context, before uint64) {
	for {
		applied := p.node.applied.Load()
		if applied >= before {
			return
		}
		patience, cancel := context.WithTimeout(ctx, stuck)
		moved := p.node.await(patience, func() bool { return p.node.applied.Load() != applied })
		cancel()
		if !moved {
			return
		}
	}
}

// drain waits until everything that was collected has left or was discarded.
// From now on nothing new is collected.
func (p *publisher) drain(ctx context.Context) error {
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
