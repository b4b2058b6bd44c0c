package publish

import (
	"context"
	"fmt"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/signal"
)

// A Batch is what one request hands over, in order.
type Batch struct {
	Messages [][]byte
	Events   int        // reserved places it gives back
	Size     int        // reserved bytes
	awaited  bool       // somebody waits for it
	done     chan error // told when the log holds the shipment; nil when nobody waits
}

// submit hands a shipment over and returns the name of its last message. It never
// waits. Where the broker does not either, and nothing is ahead of the shipment,
// the log has it on return: that saves the turns of two goroutines, and done is
// nil, as it is where nobody waits.
func (p *Publisher) submit(s Batch) (last uint64, done <-chan error, err error) {
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		p.Release(s.Events, s.Size)
		return 0, nil, ErrClosed
	}
	shipped := p.direct(&s)
	p.name(s.Messages)
	last = p.seq
	if shipped {
		broker.Append(p.memory, s.Messages)
		p.mu.Unlock()
		p.Release(s.Events, s.Size)
		return last, nil, nil
	}
	if s.awaited {
		s.done = make(chan error, 1)
	}
	p.queue = append(p.queue, s)
	p.mu.Unlock()

	signal.Send(p.wake)
	return last, s.done, nil
}

// Publish hands over what nobody waits for.
func (p *Publisher) Publish(s Batch) {
	if _, _, err := p.submit(s); err != nil && s.Events > 0 {
		p.report(fmt.Errorf("%w: %d events came too late", err, s.Events))
	}
}

// PublishAndWait hands a shipment over and waits until the log has it. If ctx ends
// first, it may still leave.
func (p *Publisher) PublishAndWait(ctx context.Context, s Batch) error {
	s.awaited = true
	_, done, err := p.submit(s)
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

// direct tells whether a shipment can go to the log at once: nothing is ahead of
// it, and with it no more than a batch is what the node has still to apply.
func (p *Publisher) direct(s *Batch) bool {
	if p.memory == nil || p.busy || len(p.queue) > 0 {
		return false
	}
	ahead := p.seq - p.progress.Applied()
	if ahead == 0 {
		p.unapplied = 0
	}
	p.unapplied += s.Size
	return ahead+uint64(len(s.Messages)) <= batchMessages && p.unapplied <= batchBytes
}

// name gives messages that nobody has seen yet their names.
func (p *Publisher) name(messages [][]byte) {
	for _, raw := range messages {
		p.seq++
		envelope.Stamp(raw, p.node, p.seq)
	}
}

// Announce hands over a control message of the plugin's own accord. How many of those
// may wait is bounded by what causes them.
func (p *Publisher) Announce(raw []byte) { p.Publish(Batch{Messages: [][]byte{raw}}) }

// Command hands over a control message that the application or a page asked for,
// which takes a place in the queue like an event. It returns the message's name.
func (p *Publisher) Command(raw []byte) (name uint64, err error) {
	if err := p.Reserve(len(raw)); err != nil {
		return 0, err
	}
	name, _, err = p.submit(Batch{Messages: [][]byte{raw}, Events: 1, Size: len(raw)})
	return name, err
}

// IsIdle tells whether nothing waits for the broker.
func (p *Publisher) IsIdle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	return !p.busy && len(p.queue) == 0
}
