package redisbroker

import (
	"context"
	"slices"
	"sync"
)

// A group is the calls of Publish that share a round trip.
type group struct {
	messages [][]byte
	size     int
	done     chan struct{} // closed when err is final
	err      error

	// Guarded by the publisher's mu.
	waiting int                // calls
	cancel  context.CancelFunc // ends the round trip; nil before
	over    bool               // done is closed
}

// A publisher sends groups, one after another: the server takes one at a time
// anyway. Its goroutine, the sender, ends when there is nothing to send. A sender
// that the client does not return to in time is left behind, and another one takes
// its place.
type publisher struct {
	mu      sync.Mutex // guards what follows
	queue   []*group
	running bool
	sender  int // the number of the sender; those before it were left behind
}

// add puts the messages of a call into a group that is not on its way yet.
func (p *publisher) add(messages [][]byte, send func(sender int)) *group {
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
		g = &group{done: make(chan struct{})}
		p.queue = append(p.queue, g)
	}
	g.messages = append(g.messages, messages...)
	g.size += size
	g.waiting++
	p.start(send)
	return g
}

// start starts a sender if one is needed. The caller holds mu.
func (p *publisher) start(send func(sender int)) {
	if !p.running && len(p.queue) > 0 {
		p.running = true
		go send(p.sender)
	}
}

// next returns the group to send, or nil at the end of the goroutine.
func (p *publisher) next(sender int) (*group, context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if sender != p.sender {
		return nil, nil
	}
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

// finish ends a group. While the server is out of reach, the groups behind it end
// as well: each of them would wait in vain, one after another.
func (p *publisher) finish(g *group, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if g.over {
		return
	}
	g.end(err)
	if err != nil && isOutOfReach(err) {
		p.failAll(err)
	}
}

// end makes an error final. The caller holds the publisher's mu.
func (g *group) end(err error) {
	g.err, g.over = err, true
	close(g.done)
}

func (p *publisher) failAll(err error) {
	for _, g := range p.queue {
		g.end(err)
	}
	p.queue = nil
}

// abandon leaves a group. When nobody waits for it any more, it need not be sent.
func (p *publisher) abandon(g *group, send func(sender int)) {
	p.mu.Lock()
	g.waiting--
	nobody := g.waiting == 0
	if nobody && g.cancel == nil {
		p.queue = slices.DeleteFunc(p.queue, func(other *group) bool { return other == g })
	}
	onItsWay := nobody && g.cancel != nil
	p.mu.Unlock()

	if onItsWay {
		p.leave(g, context.Canceled, send)
	}
}

// leave ends a group that is on its way, and leaves its sender behind.
func (p *publisher) leave(g *group, err error, send func(sender int)) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if g.over {
		return
	}
	g.end(err)
	g.cancel()
	if isOutOfReach(err) && err != context.Canceled { //nolint:errorlint // of this package
		p.failAll(err)
	}
	p.sender++
	p.running = false
	p.start(send)
}
