package pull

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/publish"
)

// Shutdown ends the plugin. It refuses new sessions, and new events with
// ErrClosed. It publishes the events of requests that succeed, sends every
// session what waits for it, closes the sessions with 1012 so that pages
// reconnect, and waits for every goroutine. Call it after the server's own
// Shutdown. If ctx ends first, Shutdown cuts off the rest and returns an error.
// If events are among the rest, it writes no state file, so that pages get a
// gap. A second call waits for the first and returns the same result.
func (p *Plugin) Shutdown(ctx context.Context) error {
	if !p.close() {
		return p.waitForShutdown(ctx)
	}
	defer close(p.down)
	p.outcome = p.shutdown(ctx)
	return p.outcome
}

func (p *Plugin) shutdown(ctx context.Context) error {
	err := p.publisher.Drain(ctx)
	complete := err == nil // else there are events that will never be in the log
	p.publisher.Announce(envelope.Control(envelope.KindBye, time.Now()))
	err = errors.Join(err, p.settle(ctx))
	for _, s := range p.node.seal() {
		s.Close("restart")
	}
	err = errors.Join(err, p.waitForPages(ctx))
	p.stop()
	err = errors.Join(err, p.waitForGoroutines(ctx))
	if p.state == nil {
		return err
	}
	defer p.state.close()
	if complete {
		err = errors.Join(err, p.save())
	}
	return err
}

// waitForShutdown waits for another call of Shutdown.
func (p *Plugin) waitForShutdown(ctx context.Context) error {
	select {
	case <-p.down:
		return p.outcome
	case <-ctx.Done():
	}
	select {
	case <-p.down: // both were true
		return p.outcome
	default:
		return ctx.Err()
	}
}

// close refuses everything new, once.
func (p *Plugin) close() bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	first := !p.closed
	p.closed = true
	return first
}

// settle waits until the node has handed over all that it has published.
func (p *Plugin) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, publish.Stuck)
	defer cancel()
	n := p.node
	if n.Await(ctx, func() bool { return n.saidAll() }) {
		return nil
	}
	return errors.New("pull: published messages did not come back from the log")
}

// waitForPages waits until every session has ended, and cuts those that have
// not when ctx does.
func (p *Plugin) waitForPages(ctx context.Context) error {
	gone := make(chan struct{})
	p.spawn(func() {
		p.pages.Wait()
		close(gone)
	})
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
	}
	left := p.node.sessions()
	for _, s := range left {
		s.Cut()
	}
	<-gone
	if len(left) == 0 {
		return nil
	}
	return fmt.Errorf("pull: %d sessions were cut: %w", len(left), ctx.Err())
}

// patience is how long the goroutines have to end in any case.
const patience = 5 * time.Second

// waitForGoroutines waits for everything to end. Only a hook or a broker of the
// application's can hold that up.
func (p *Plugin) waitForGoroutines(ctx context.Context) error {
	ended := make(chan struct{})
	go func() { // the one goroutine that running cannot count
		p.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(patience):
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("pull: a hook or the broker is still running: %w", ctx.Err())
	}
}

// enter counts one more page unless the plugin is closed.
func (p *Plugin) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	if !p.closed {
		p.pages.Add(1)
	}
	return !p.closed
}
