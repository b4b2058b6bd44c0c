// Package publish holds the bounded queue in front of the broker.
package publish

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/signal"
)

const (
	maxEvents = 65_536   // events that may wait for the broker
	MaxBytes  = 64 << 20 // bytes of them
	// brake is how long one Send takes longer while the queue is more than half
	// full: code that sends in a tight loop outruns everything behind it, and
	// is better slowed down a little than refused.
	brake = 100 * time.Microsecond

	// One request may take so much of the queue, so that it is not somebody else's
	// request that fails.
	ShareEvents = maxEvents / 4
	ShareBytes  = MaxBytes / 4

	batchMessages = 512     // messages handed to the broker at once
	batchBytes    = 4 << 20 // bytes of them, unless one message has more

	// What the publisher has handed over and this node has not applied is two
	// batches at most.
	AheadMessages = 2 * batchMessages
	AheadBytes    = 4 * batchBytes

	shortestRetry = 50 * time.Millisecond
	longestRetry  = 2 * time.Second
	Stuck         = 5 * time.Second // without progress of the node the publisher goes on
)

var (
	// ErrQueueFull is returned by Send if the broker has fallen so far behind
	// that the publisher's bounded queue has no room. Nothing was collected:
	// fail the request, or retry later.
	ErrQueueFull = errors.New("pull: publisher's queue is full")

	// ErrClosed is returned after [Plugin.Shutdown] has been called.
	ErrClosed = errors.New("pull: plugin is shut down")
)

// A Progress is how far a node has come with its own messages.
type Progress interface {
	Applied() uint64
	// Await waits until the condition holds, which it checks whenever the node
	// has moved, and reports whether that was before ctx ended.
	Await(ctx context.Context, condition func() bool) bool
}

// A Publisher hands shipments to the broker, one after another, on a goroutine
// of the plugin's. Its queue is bounded: a place in it is reserved when an event
// is sent, so that the epilogue, which can tell nobody, never finds it full.
type Publisher struct {
	log      broker.Broker
	progress Progress
	node     string
	report   func(error)

	events, bytes atomic.Int64 // reserved
	closed        atomic.Bool
	lost          int // events that could not leave; the goroutine's own

	mu     sync.Mutex     // guards what follows
	memory *broker.Memory // the log, if that is in this process; nil if it is not
	seq    uint64         // of the last message
	queue  []Batch

	unapplied int // bytes that went directly since the node had applied everything

	busy  bool // the goroutine is publishing
	ended bool // nobody takes from the queue any more

	wake  chan struct{} // something is in the queue
	freed chan struct{} // places were given back
}

// New returns a publisher for the node with an id. memory is the log
// itself if it is in this process, else nil.
func New(log broker.Broker, memory *broker.Memory, node string, p Progress, report func(error)) *Publisher {
	return &Publisher{
		log: log, memory: memory, node: node, progress: p, report: report,
		wake: make(chan struct{}, 1), freed: make(chan struct{}, 1),
	}
}

// Queued returns how many events have a place in the queue, and their bytes.
func (p *Publisher) Queued() (events, bytes int) {
	return int(p.events.Load()), int(p.bytes.Load())
}

// Reserve takes a place for an event of so many bytes.
func (p *Publisher) Reserve(size int) error {
	events, bytes := p.events.Add(1), p.bytes.Add(int64(size))
	if events > maxEvents/2 || bytes > MaxBytes/2 {
		time.Sleep(brake) //nolint:forbidigo // see brake
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

func (p *Publisher) Release(events, size int) {
	p.bytes.Add(-int64(size))
	p.events.Add(-int64(events))
	signal.Send(p.freed)
}

// Run publishes until ctx ends. Then nothing that is left can leave.
func (p *Publisher) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if shipments := p.take(false); len(shipments) > 0 {
			p.writeAll(ctx, shipments)
			continue
		}
		select {
		case <-p.wake:
		case <-ctx.Done():
		}
	}
	p.writeAll(ctx, p.take(true))
	if p.lost > 0 {
		p.report(fmt.Errorf("pull: %d events did not reach the broker before the end of the shutdown", p.lost))
	}
}

func (p *Publisher) take(last bool) []Batch {
	p.mu.Lock()
	defer p.mu.Unlock()

	taken := p.queue
	p.queue, p.ended, p.busy = nil, last, len(p.queue) > 0
	return taken
}

// writeAll publishes shipments in batches: what queued up while the broker
// was busy leaves together, and what is too much for one batch in several.
func (p *Publisher) writeAll(ctx context.Context, shipments []Batch) {
	var batch [][]byte
	size, from := 0, 0
	for i, s := range shipments {
		for _, raw := range s.Messages {
			if len(batch) == batchMessages || size > 0 && size+len(raw) > batchBytes {
				err := p.write(ctx, batch)
				p.settleAll(shipments[from:i], err)
				batch, size, from = nil, 0, i
			}
			batch = append(batch, raw)
			size += len(raw)
		}
	}
	p.settleAll(shipments[from:], p.write(ctx, batch))
}

func (p *Publisher) settleAll(shipments []Batch, err error) {
	for _, s := range shipments {
		p.settle(s, err)
		if err != nil {
			p.lost += s.Events
		}
	}
}

// settle gives back what a shipment has reserved and tells who waits for it.
func (p *Publisher) settle(s Batch, err error) {
	p.Release(s.Events, s.Size)
	if s.done != nil {
		s.done <- err
	}
}

// write tries until the log holds the batch or ctx ends. A message is sent
// again under the name it has, and a node that has had it drops it.
func (p *Publisher) write(ctx context.Context, batch [][]byte) error {
	if len(batch) == 0 {
		return nil
	}
	before := envelope.Seq(batch[0]) - 1
	for wait := shortestRetry; ; wait = min(2*wait, longestRetry) {
		if ctx.Err() != nil {
			return ErrClosed
		}
		err := p.log.Publish(ctx, batch...)
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
func (p *Publisher) pace(ctx context.Context, before uint64) {
	for {
		applied := p.progress.Applied()
		if applied >= before {
			return
		}
		patience, cancel := context.WithTimeout(ctx, Stuck)
		moved := p.progress.Await(patience, func() bool { return p.progress.Applied() != applied })
		cancel()
		if !moved {
			return
		}
	}
}

// Drain waits until everything that was collected has left or was discarded.
// From now on nothing new is collected.
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
