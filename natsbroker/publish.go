package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// The bounds of a group, and of a frame, unless one call or message has more.
const (
	groupMessages = 1024
	groupBytes    = 1 << 20
)

// Publish implements pull.Broker. A batch is stored as one message of the
// stream, or as several if the server's max_payload demands it. Calls that wait
// at the same time share one. Publish returns an error, and publishes nothing,
// if a message is larger than MaxMessageBytes. If the server does not answer
// within 2.5 seconds and a second for each MiB, Publish returns an error.
func (b *Broker) Publish(ctx context.Context, messages ...[]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(messages) == 0 {
		return nil
	}
	size, most := 0, b.MaxMessageBytes()
	for _, m := range messages {
		if size += len(m); len(m) > most {
			return fmt.Errorf("natsbroker: publish: a message has %d bytes, the server and the stream take %d", len(m), most)
		}
	}
	g := b.publisher.add(messages, size)
	if g == nil { // nothing is on its way
		return b.lead(ctx, messages, size)
	}
	select {
	case <-g.done:
		return wrap(g.err)
	case <-ctx.Done():
		b.publisher.abandon(g)
		return ctx.Err()
	}
}

// lead sends the messages of a call that need not wait. The calls that come
// meanwhile are sent by a goroutine.
func (b *Broker) lead(ctx context.Context, messages [][]byte, size int) error {
	defer func() { //nolint:contextcheck // other calls have other contexts
		if b.publisher.hasMore() {
			go b.run()
		}
	}()
	limited, cancel := context.WithTimeoutCause(ctx, patience+forBytes(size), errNoAnswer)
	defer cancel()
	err := b.send(limited, messages)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && limited.Err() != nil {
		b.publisher.failAll(err)
	}
	return wrap(err)
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("natsbroker: publish: %w", err)
	}
	return nil
}

// send appends messages to the log, in as few frames as the server allows.
func (b *Broker) send(ctx context.Context, messages [][]byte) error {
	for part := range parts(messages, b.MaxMessageBytes()) {
		if err := b.append(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// A group is the calls of Publish that share a frame.
type group struct {
	messages [][]byte
	size     int
	waiting  int                // calls; guarded by the publisher's mu
	cancel   context.CancelFunc // when nobody waits any more; guarded as well
	done     chan struct{}      // closed when err is final
	err      error
}

// A publisher makes that one frame of the node is on its way at a time.
type publisher struct {
	mu      sync.Mutex // guards what follows
	queue   []*group
	running bool
}

// add puts the messages of a call into a group that is not on its way yet. It
// returns nil if the caller has to send them, and look for more afterwards.
func (p *publisher) add(messages [][]byte, size int) *group {
	p.mu.Lock()
	defer p.mu.Unlock()

	if !p.running {
		p.running = true
		return nil
	}
	var g *group
	if n := len(p.queue); n > 0 {
		g = p.queue[n-1]
	}
	if g == nil || len(g.messages)+len(messages) > groupMessages || g.size+size > groupBytes {
		g = &group{done: make(chan struct{}), cancel: func() {}}
		p.queue = append(p.queue, g)
	}
	g.messages = append(g.messages, messages...)
	g.size += size
	g.waiting++
	return g
}

// abandon leaves a group. When nobody waits for it any more, it need not be sent.
func (p *publisher) abandon(g *group) {
	p.mu.Lock()
	defer p.mu.Unlock()

	g.waiting--
	if g.waiting == 0 {
		g.cancel()
		p.queue = slices.DeleteFunc(p.queue, func(other *group) bool { return other == g })
	}
}

// hasMore reports whether there are groups to send. If not, the next call sends its
// messages itself.
func (p *publisher) hasMore() bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.running = len(p.queue) > 0
	return p.running
}

// next returns the group to send, or nil at the end of the goroutine.
func (p *publisher) next() (*group, context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if len(p.queue) == 0 {
		p.running = false
		return nil, nil
	}
	g := p.queue[0]
	p.queue = p.queue[1:]
	limit := patience + forBytes(g.size)
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, errNoAnswer)
	g.cancel = cancel
	return g, ctx
}

// run sends groups until there is none.
func (b *Broker) run() {
	for {
		g, ctx := b.publisher.next()
		if g == nil {
			return
		}
		g.err = b.send(ctx, g.messages)
		close(g.done)
		if g.err != nil && errors.Is(context.Cause(ctx), errNoAnswer) {
			b.publisher.failAll(g.err)
		}
		g.cancel()
	}
}

// parts cuts messages into what one frame can carry.
func parts(messages [][]byte, most int) func(yield func([][]byte) bool) {
	most = min(most, groupBytes)
	return func(yield func([][]byte) bool) {
		for len(messages) > 0 {
			n, size := 1, len(messages[0])
			for n < len(messages) && size+messageBytes+len(messages[n]) <= most {
				size += messageBytes + len(messages[n])
				n++
			}
			if !yield(messages[:n]) {
				return
			}
			messages = messages[n:]
		}
	}
}

// failAll ends the groups that wait behind one that has failed. While the server
// does not answer, each of them would wait in vain, one after another.
func (p *publisher) failAll(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	for _, g := range p.queue {
		g.err = err
		close(g.done)
	}
	p.queue = nil
}
