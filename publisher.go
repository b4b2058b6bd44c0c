package pull

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	publisherEvents = 65_536   // events that may wait for the broker
	publisherBytes  = 64 << 20 // bytes of them
	batchMessages   = 512      // messages handed to the broker at once
	maxAhead        = 4_096    // messages in the log that this node has not applied

	shortestRetry = 50 * time.Millisecond
	longestRetry  = 2 * time.Second
	stuck         = 5 * time.Second // without progress of the node the publisher goes on
)

// A shipment is what one request hands over, in order.
type shipment struct {
	messages [][]byte
	events   int          // reserved places it gives back
	size     int          // reserved bytes
	done     chan<- error // told when the log holds the shipment; nil when nobody waits
}

// A publisher hands shipments to the broker, one after another, on a goroutine
// of the plugin's. Its queue is bounded: a place in it is reserved when an event
// is sent, so that the epilogue, which can tell nobody, never finds it full.
type publisher struct {
	broker Broker
	node   *node
	report func(error)

	events, bytes atomic.Int64 // reserved
	closed        atomic.Bool
	seq           uint64 // of the last message; the goroutine's own

	mu    sync.Mutex // guards queue
	queue []shipment

	wake  chan struct{} // something is in the queue
	freed chan struct{} // places were given back
}

func newPublisher(broker Broker, n *node, report func(error)) *publisher {
	return &publisher{
		broker: broker, node: n, report: report,
		wake: make(chan struct{}, 1), freed: make(chan struct{}, 1),
	}
}

// reserve takes a place for an event of so many bytes.
func (p *publisher) reserve(size int) error {
	events, bytes := p.events.Add(1), p.bytes.Add(int64(size))
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

// ship hands a shipment over. It never waits.
func (p *publisher) ship(s shipment) {
	p.mu.Lock()
	p.queue = append(p.queue, s)
	p.mu.Unlock()

	signal(p.wake)
}

// shipAndWait hands a shipment over and waits until the log has it. If ctx ends
// first, it may still leave.
func (p *publisher) shipAndWait(ctx context.Context, s shipment) error {
	done := make(chan error, 1)
	s.done = done
	p.ship(s)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// say hands a control message over.
func (p *publisher) say(raw []byte) { p.ship(shipment{messages: [][]byte{raw}}) }

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
		shipments := p.take()
		if len(shipments) == 0 {
			select {
			case <-p.wake:
			case <-ctx.Done():
			}
			continue
		}
		p.publishAll(ctx, shipments)
	}
	lost := 0
	for _, s := range p.take() {
		lost += s.events
		p.settle(s, ErrClosed)
	}
	if lost > 0 {
		p.report(fmt.Errorf("pull: %d events did not reach the broker before the shutdown's end", lost))
	}
}

func (p *publisher) take() []shipment {
	p.mu.Lock()
	defer p.mu.Unlock()

	taken := p.queue
	p.queue = nil
	return taken
}

// publishAll publishes shipments in batches: what queued up while the broker
// was busy leaves together.
func (p *publisher) publishAll(ctx context.Context, shipments []shipment) {
	if len(shipments) == 1 {
		p.settle(shipments[0], p.publish(ctx, shipments[0].messages))
		return
	}
	var batch [][]byte
	from := 0
	for i, s := range shipments {
		batch = append(batch, s.messages...)
		if len(batch) < batchMessages && i < len(shipments)-1 {
			continue
		}
		err := p.publish(ctx, batch)
		for _, done := range shipments[from : i+1] {
			p.settle(done, err)
		}
		batch, from = nil, i+1
	}
}

func (p *publisher) settle(s shipment, err error) {
	p.release(s.events, s.size)
	if s.done != nil {
		s.done <- err
	}
}

// publish tries until the log holds the batch or ctx ends. A message is sent
// again under the name it has, and a node that has had it drops it.
func (p *publisher) publish(ctx context.Context, batch [][]byte) error {
	for _, raw := range batch {
		p.seq++
		stamp(raw, p.node.id, p.seq)
	}
	for wait := shortestRetry; ; wait = min(2*wait, longestRetry) {
		err := p.broker.Publish(ctx, batch...)
		if err == nil {
			p.pace(ctx)
			return nil
		}
		if ctx.Err() != nil {
			return ErrClosed
		}
		p.report(fmt.Errorf("pull: publish: %w", err))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ErrClosed
		}
	}
}

// pace waits while this node is far behind what it has published itself, so
// that a burst meets the publisher's bound and not the log's end of memory. A
// node that makes no progress at all has lost the log: then waiting helps nobody.
func (p *publisher) pace(ctx context.Context) {
	for {
		applied := p.node.applied.Load()
		if p.seq-applied <= maxAhead {
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
