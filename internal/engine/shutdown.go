package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/publish"
	"github.com/echo-pull/pull/internal/signal"
)

// Shutdown ends the plugin. It refuses new sessions, and new events with
// ErrClosed. It publishes the events of requests that succeed, sends every
// session what waits for it, closes the sessions with 1012 so that pages
// reconnect, and waits for every goroutine. Call it after the server's own
// Shutdown. If ctx ends first, Shutdown cuts off the rest and returns an error.
// If events are among the rest, it writes no state file, so that pages get a
// gap. A second call waits for the first and returns the same result.
func (e *Engine) Shutdown(ctx context.Context) error {
	if !e.close() {
		return e.waitForShutdown(ctx)
	}
	defer close(e.down)
	e.outcome = e.shutdown(ctx)
	return e.outcome
}

func (e *Engine) shutdown(ctx context.Context) error {
	err := e.publisher.Drain(ctx)
	complete := err == nil // else there are events that will never be in the log
	e.publisher.Announce(envelope.Control(envelope.KindBye, time.Now()))
	err = errors.Join(err, e.settle(ctx))
	for _, s := range e.hub.Seal() {
		s.Close("restart")
	}
	err = errors.Join(err, e.waitForPages(ctx))
	e.stop()
	err = errors.Join(err, e.waitForGoroutines(ctx))
	if e.state == nil {
		return err
	}
	defer e.state.close()
	if complete {
		err = errors.Join(err, e.save())
	}
	return err
}

// waitForShutdown waits for another call of Shutdown.
func (e *Engine) waitForShutdown(ctx context.Context) error {
	select {
	case <-e.down:
		return e.outcome
	case <-ctx.Done():
	}
	select {
	case <-e.down: // both were true
		return e.outcome
	default:
		return ctx.Err()
	}
}

// close refuses everything new, once.
func (e *Engine) close() bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	first := !e.closed
	e.closed = true
	return first
}

// settle waits until the node has handed over all that it has published.
func (e *Engine) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, publish.Stuck)
	defer cancel()
	n := e.hub
	if n.Await(ctx, func() bool { return n.SaidAll() }) {
		return nil
	}
	return errors.New("pull: published messages did not come back from the log")
}

// waitForPages waits until every session has ended, and cuts those that have
// not when ctx does.
func (e *Engine) waitForPages(ctx context.Context) error {
	gone := make(chan struct{})
	e.spawn(func() {
		e.pages.Wait()
		close(gone)
	})
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
	}
	left := e.hub.Sessions()
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
func (e *Engine) waitForGoroutines(ctx context.Context) error {
	ended := make(chan struct{})
	go func() { // the one goroutine that running cannot count
		e.running.Wait()
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

// Enter counts one more page unless the engine is shutting down. Part is called for
// it in the end.
func (e *Engine) Enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	if !e.closed {
		e.pages.Add(1)
	}
	return !e.closed
}

// Leave takes a page out and gives back its place.
func (e *Engine) Leave(page *hub.Page, payer string) {
	if e.hub.Leave(page) {
		signal.Send(e.departed)
	}
	e.hub.Release(payer)
	e.Part()
}

// Part counts one page less.
func (e *Engine) Part() { e.pages.Done() }
