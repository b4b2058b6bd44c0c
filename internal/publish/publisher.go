// Package publish contains the bounded queue in front of the broker.
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
	maxEvents = 65_536 // largest number of events in the queue
	// MaxBytes is the largest size of all messages in the queue, and so of each.
	MaxBytes = 64 << 20

	// slowdown is the time that one Send takes longer while the queue is more than
	// half full. Code that sends in a tight loop is faster than everything behind
	// it; slowing it down a little is better than returning errors to it.
	slowdown = 100 * time.Microsecond

	// MaxRequestEvents and MaxRequestBytes bound what one request may occupy of the
	// queue, so that it does not make the Sends of other requests fail.
	MaxRequestEvents = maxEvents / 4
	MaxRequestBytes  = MaxBytes / 4

	chunkMessages = 512     // largest number of messages in one call of the broker
	chunkBytes    = 4 << 20 // largest size of them, unless a single message is larger

	// AheadMessages and AheadBytes bound what the publisher has handed to the broker
	// and this node has not applied, which is two chunks at most.
	AheadMessages = 2 * chunkMessages
	AheadBytes    = 4 * chunkBytes

	shortestRetry = 50 * time.Millisecond
	longestRetry  = 2 * time.Second

	// StallTimeout is how long the publisher waits for a node that makes no
	// progress before it goes on.
	StallTimeout = 5 * time.Second
)

var (
	// ErrQueueFull is returned by Send if the broker has fallen so far behind
	// that the publisher's bounded queue has no room. Nothing was collected:
	// fail the request, or retry later.
	ErrQueueFull = errors.New("pull: publisher's queue is full")

	// ErrClosed is returned after [Plugin.Shutdown] has been called.
	ErrClosed = errors.New("pull: plugin is shut down")
)

// A Progress reports how many of its own messages a node has applied.
type Progress interface {
	// Applied returns the sequence number of the last own message that the node
	// has applied.
	Applied() uint64

	// Await waits until the condition holds, and reports whether it did before
	// ctx ended. It checks the condition whenever the node has made progress.
	Await(ctx context.Context, condition func() bool) bool
}

// A Publisher hands batches to the broker, one after another, on the goroutine
// that calls Run. Its queue is bounded. Send reserves a place in it, so that the
// queue is never full when the request ends and its events are published: at
// that time no error could be returned to anyone.
type Publisher struct {
	log      broker.Broker
	progress Progress
	node     string
	report   func(error)

	events, bytes atomic.Int64 // places that are reserved
	closed        atomic.Bool  // Reserve returns ErrClosed
	lost          int          // events that did not reach the broker; owned by Run's goroutine, not guarded

	mu     sync.Mutex     // guards what follows
	memory *broker.Memory // the log, if it is in this process, else nil
	seq    uint64         // of the last message
	queue  []Batch

	unapplied int // bytes that bypassed the queue since the node had applied everything

	busy  bool // Run is publishing
	ended bool // Run has ended; nothing is accepted any more

	wake  chan struct{} // signalled when the queue is not empty
	freed chan struct{} // signalled when places are released
}

// New returns the publisher of a node. node is the id in the names of its
// messages. memory is the log itself if it is in this process, else nil. report
// receives the errors that no caller can be given.
func New(log broker.Broker, memory *broker.Memory, node string, p Progress, report func(error)) *Publisher {
	return &Publisher{
		log: log, memory: memory, node: node, progress: p, report: report,
		wake: make(chan struct{}, 1), freed: make(chan struct{}, 1),
	}
}

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
		time.Sleep(slowdown) //nolint:forbidigo // see brake
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

// Release gives back reserved places and bytes.
func (p *Publisher) Release(events, size int) {
	p.bytes.Add(-int64(size))
	p.events.Add(-int64(events))
	signal.Send(p.freed)
}

// Run publishes batches until ctx ends. Then it reports the events that are
// left; they are lost.
func (p *Publisher) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if shipments := p.take(false); len(shipments) > 0 {
			p.writeBatches(ctx, shipments)
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
func (p *Publisher) writeBatches(ctx context.Context, shipments []Batch) {
	var batch [][]byte
	size, from := 0, 0
	for i, s := range shipments {
		for _, raw := range s.Messages {
			if len(batch) == chunkMessages || size > 0 && size+len(raw) > chunkBytes {
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

// settleAll settles batches after their last chunk was written, and counts the
// lost events.
func (p *Publisher) settleAll(shipments []Batch, err error) {
	for _, s := range shipments {
		p.settle(s, err)
		if err != nil {
			p.lost += s.Events
		}
	}
}

// settle releases the places of a batch and wakes the goroutine that waits for
// it.
func (p *Publisher) settle(s Batch, err error) {
	p.Release(s.Events, s.Size)
	if s.done != nil {
		s.done <- err
	}
}

// write retries until the log holds the chunk or ctx ends. Messages keep their
// names, and nodes drop a message that they have already applied.
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
