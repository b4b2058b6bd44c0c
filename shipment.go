package pull

import (
	"context"
	"fmt"

	"github.com/echo-pull/pull/internal/envelope"
)

// A shipment is what one request hands over, in order.
type shipment struct {
	messages [][]byte
	events   int        // reserved places it gives back
	size     int        // reserved bytes
	awaited  bool       // somebody waits for it
	done     chan error // told when the log holds the shipment; nil when nobody waits
}

// ship hands a shipment over and returns the name of its last message. It never
// waits. Where the broker does not either, and nothing is ahead of the shipment,
// the log has it on return: that saves the turns of two goroutines, and done is
// nil, as it is where nobody waits.
func (p *publisher) ship(s shipment) (last uint64, done <-chan error, err error) {
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		p.release(s.events, s.size)
		return 0, nil, ErrClosed
	}
	shipped := p.direct(&s)
	p.name(s.messages)
	last = p.seq
	if shipped {
		p.memory.append(s.messages)
		p.mu.Unlock()
		p.release(s.events, s.size)
		return last, nil, nil
	}
	if s.awaited {
		s.done = make(chan error, 1)
	}
	p.queue = append(p.queue, s)
	p.mu.Unlock()

	signal(p.wake)
	return last, s.done, nil
}

// shipForGood hands over what nobody waits for.
func (p *publisher) shipForGood(s shipment) {
	if _, _, err := p.ship(s); err != nil && s.events > 0 {
		p.report(fmt.Errorf("%w: %d events came too late", err, s.events))
	}
}

// shipAndWait hands a shipment over and waits until the log has it. If ctx ends
// first, it may still leave.
func (p *publisher) shipAndWait(ctx context.Context, s shipment) error {
	s.awaited = true
	_, done, err := p.ship(s)
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
func (p *publisher) direct(s *shipment) bool {
	if p.memory == nil || p.busy || len(p.queue) > 0 {
		return false
	}
	ahead := p.seq - p.node.applied.Load()
	if ahead == 0 {
		p.unapplied = 0
	}
	p.unapplied += s.size
	return ahead+uint64(len(s.messages)) <= batchMessages && p.unapplied <= batchBytes
}

// name gives messages that nobody has seen yet their names.
func (p *publisher) name(messages [][]byte) {
	for _, raw := range messages {
		p.seq++
		envelope.Stamp(raw, p.node.id, p.seq)
	}
}

// say hands over a control message of the plugin's own accord. How many of those
// may wait is bounded by what causes them.
func (p *publisher) say(raw []byte) { p.shipForGood(shipment{messages: [][]byte{raw}}) }

// order hands over a control message that the application or a page asked for,
// which takes a place in the queue like an event. It returns the message's name.
func (p *publisher) order(raw []byte) (name uint64, err error) {
	if err := p.reserve(len(raw)); err != nil {
		return 0, err
	}
	name, _, err = p.ship(shipment{messages: [][]byte{raw}, events: 1, size: len(raw)})
	return name, err
}

// isIdle tells whether nothing waits for the broker.
func (p *publisher) isIdle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	return !p.busy && len(p.queue) == 0
}
