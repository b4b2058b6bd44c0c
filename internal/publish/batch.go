package publish

import (
	"context"
	"fmt"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/signal"
)

// A Batch is what one request publishes, in order.
type Batch struct {
	Messages [][]byte    // the publisher sets their names, and copies what it keeps
	Events   int         // reserved places, which the publisher releases
	Size     int         // reserved bytes, which the publisher releases
	Settled  func(error) // called once, with the result of publishing, without a lock; nil if no one needs it
	relay    bool        // the one message is of a page, and has a place of its own
	awaited  bool        // done is needed
	done     chan error  // receives the result of publishing; nil if no one waits for it
}

// submit hands over a batch and returns the sequence number of its last message.
// It never waits. If the log is in this process and nothing is queued, the log
// holds the batch on return, which saves waking two goroutines. In this case,
// and if no one waits for the batch, done is nil.
func (p *Publisher) submit(b Batch) (last uint64, done <-chan error, err error) {
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		p.finish(&b, ErrClosed)
		return 0, nil, ErrClosed
	}
	p.observe(b.Messages)
	shipped := p.bypassesQueue(&b)
	p.stamp(b.Messages)
	last = p.seq
	p.progress.HandedOver(last)
	if shipped {
		broker.Append(p.memory, b.Messages)
		p.mu.Unlock()
		p.finish(&b, nil)
		return last, nil, nil
	}
	queued := Batch{Messages: cloneAll(b.Messages), Events: b.Events, Size: b.Size, Settled: b.Settled, relay: b.relay}
	if b.awaited {
		queued.done = make(chan error, 1)
	}
	p.queue = append(p.queue, queued)
	p.mu.Unlock()

	signal.Send(p.wake)
	return last, queued.done, nil
}

// segmentBytes is the largest size of copies that share an allocation, unless a
// single one is larger. It lives as long as a broker keeps the last of them.
const segmentBytes = 8 << 10

// cloneAll returns copies of messages in few allocations. None has room behind it
// that belongs to another.
func cloneAll(messages [][]byte) [][]byte {
	clones := make([][]byte, len(messages))
	var segment []byte
	left := 0 // bytes of the messages that are not copied yet
	for _, m := range messages {
		left += len(m)
	}
	for i, m := range messages {
		if len(m) > cap(segment)-len(segment) {
			segment = make([]byte, 0, max(len(m), min(left, segmentBytes)))
		}
		from := len(segment)
		segment = append(segment, m...)
		clones[i] = segment[from:len(segment):len(segment)]
		left -= len(m)
	}
	return clones
}

// Publish hands over a batch without waiting for the log.
func (p *Publisher) Publish(b Batch) {
	if _, _, err := p.submit(b); err != nil && b.Events > 0 {
		p.report(fmt.Errorf("%w: %d events came too late", err, b.Events))
	}
}

// PublishAndWait hands over a batch and waits until the log holds it. If ctx ends
// first, PublishAndWait returns its error, and the batch may still be published.
func (p *Publisher) PublishAndWait(ctx context.Context, b Batch) error {
	b.awaited = true
	_, done, err := p.submit(b)
	if done == nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// bypassesQueue reports whether a batch can be appended to the log at once:
// nothing is queued, and with the batch the node has at most one chunk still to
// apply. The caller holds mu.
func (p *Publisher) bypassesQueue(b *Batch) bool {
	if p.memory == nil || p.busy || len(p.queue) > 0 || p.Fault() != nil {
		return false
	}
	ahead := p.seq - p.progress.Applied()
	if ahead == 0 {
		p.unapplied = 0
	}
	p.unapplied += b.Size
	return ahead+uint64(len(b.Messages)) <= chunkMessages && p.unapplied <= chunkBytes
}

// stamp sets the names of new messages. The caller holds mu.
func (p *Publisher) stamp(messages [][]byte) {
	for _, raw := range messages {
		p.seq++
		envelope.Stamp(raw, p.node, p.seq)
	}
}

// Announce hands over a control message that the node itself has to send. It
// reserves no place: the number of such messages is bounded by their causes.
func (p *Publisher) Announce(raw []byte) { p.Publish(Batch{Messages: [][]byte{raw}}) }

// Command hands over a control message on behalf of the application or a page,
// for which it reserves a place like Send does for an event. It returns the
// sequence number of the message.
func (p *Publisher) Command(raw []byte) (seq uint64, err error) {
	if err := p.Reserve(len(raw)); err != nil {
		return 0, err
	}
	seq, _, err = p.submit(Batch{Messages: [][]byte{raw}, Events: 1, Size: len(raw)})
	return seq, err
}

// Last returns the sequence number of the last message.
func (p *Publisher) Last() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.seq
}

// IsIdle reports whether the queue is empty and Run is not publishing.
func (p *Publisher) IsIdle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	return !p.busy && len(p.queue) == 0
}
