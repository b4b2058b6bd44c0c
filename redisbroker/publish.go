package redisbroker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// The bounds of a group, and so of what the server does in one step, unless one
// message has more.
const (
	groupMessages = 1024
	groupBytes    = 1 << 20
)

// Publish implements pull.Broker. Calls that wait at the same time share a
// round trip. If the server does not answer within four seconds and a second
// for each MiB, Publish returns an error.
func (b *Broker) Publish(ctx context.Context, messages ...[]byte) error {
	for part := range parts(messages) {
		if err := ctx.Err(); err != nil {
			return err
		}
		g := b.publisher.add(part, b.sendAll)
		select {
		case <-g.done:
			if g.err != nil {
				return fmt.Errorf("redisbroker: publish: %w", g.err)
			}
		case <-ctx.Done():
			b.publisher.abandon(g)
			return ctx.Err()
		}
	}
	return nil
}

// parts cuts messages into what one group takes.
func parts(messages [][]byte) func(yield func([][]byte) bool) {
	return func(yield func([][]byte) bool) {
		for len(messages) > 0 {
			n, size := 1, len(messages[0])
			for n < len(messages) && n < groupMessages && size+len(messages[n]) <= groupBytes {
				size += len(messages[n])
				n++
			}
			if !yield(messages[:n]) {
				return
			}
			messages = messages[n:]
		}
	}
}

// A group is the calls of Publish that share a round trip.
type group struct {
	messages [][]byte
	size     int
	waiting  int                // calls; guarded by the publisher's mu
	cancel   context.CancelFunc // the call, when nobody waits any more; guarded as well
	done     chan struct{}      // closed when err is final
	err      error
}

// A publisher sends groups, one after another: the server takes one at a time
// anyway. Its goroutine ends when there is nothing to send.
type publisher struct {
	mu      sync.Mutex // guards what follows
	queue   []*group
	running bool
}

// add puts the messages of a call into a group that is not on its way yet.
func (p *publisher) add(messages [][]byte, run func()) *group {
	size := 0
	for _, m := range messages {
		size += len(m)
	}
	p.mu.Lock()
	defer p.mu.Unlock()

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
	if !p.running {
		p.running = true
		go run()
	}
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
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	return g, ctx
}

// sendAll sends groups until there is none.
func (b *Broker) sendAll() {
	for {
		g, ctx := b.publisher.next()
		if g == nil {
			return
		}
		at, err := within(ctx, patience+500*time.Millisecond+forBytes(g.size), func(ctx context.Context) (position, error) {
			return b.insert(ctx, g.messages)
		})
		if err == nil {
			b.knows(at)
		}
		g.err = err
		close(g.done)
		if err != nil && ctx.Err() == nil && isOutOfReach(err) {
			b.publisher.failAll(err)
		}
		g.cancel()
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

// insert appends messages to the log and returns where the last of them is. If the
// log may be another one than this node has confirmed, it confirms it first.
func (b *Broker) insert(ctx context.Context, messages [][]byte) (position, error) {
	for range 3 {
		at, err := b.append(ctx, messages)
		if err != nil || at.id.isMessage() {
			return at, err
		}
		if _, err := b.confirm(ctx); err != nil {
			return position{}, err
		}
	}
	return position{}, errOther
}

// append is insert where this node has confirmed the log. If it has not, it
// returns the position of no message.
func (b *Broker) append(ctx context.Context, messages [][]byte) (position, error) {
	run, epoch, known := b.confirmed()
	if run == "" {
		return position{}, nil
	}
	if known.epoch != epoch {
		known.id.offset = 0
	}
	args := make([]any, 0, 4+len(messages))
	args = append(args, run, epoch, known.id.offset, b.node)
	for _, m := range messages {
		args = append(args, m)
	}
	reply, err := b.call(ctx, b.scripts.publish, args...)
	if err != nil || len(reply) == 0 {
		return position{}, err
	}
	last, err := parseID(reply[0])
	return position{epoch, last}, err
}
