package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/oplog"
	"github.com/echo-pull/pull/internal/publish"
	"github.com/echo-pull/pull/internal/signal"
)

// Shutdown ends the plugin. It refuses new sessions, and new events with
// ErrClosed. It publishes the events of requests that succeed, sends every
// session what waits for it, closes the sessions with 1012 so that pages
// reconnect, and waits for every goroutine. With Config.Drain, it first closes
// the sessions one after another, and refuses events only afterwards. Call it
// after the server's own Shutdown. If the log does not take the last events in
// time, Shutdown closes the sessions two seconds before ctx ends. If ctx ends
// first, it cuts off the rest and returns an error. If events are among the rest,
// it writes no state file, so that pages get a gap. A second call waits for the
// first and returns the same result.
func (e *Engine) Shutdown(ctx context.Context) error {
	if !e.close() {
		return e.waitForShutdown(ctx)
	}
	defer close(e.done)
	began := time.Now()
	e.outcome = e.drainAndStop(ctx)
	oplog.Stopped.Log(e.config.Logger, e.hub.ID, time.Since(e.began).Round(time.Second), time.Since(began).Round(time.Millisecond))
	return e.outcome
}

// drainAndStop ends the engine in the direction in which events flow.
func (e *Engine) drainAndStop(ctx context.Context) error {
	gone := e.pagesGone()
	e.drainSessions(ctx, gone)
	closeSessions := e.closeInTime(ctx)
	e.stopTalking()
	err := e.publisher.Drain(ctx)
	complete := err == nil // otherwise some events will never be in the log
	if e.relay.outbox != nil {
		e.drainRelay(ctx)
	}
	e.notifier.drain(ctx)
	e.publisher.Announce(envelope.Control(envelope.KindBye, time.Now()))
	err = errors.Join(err, e.drainHub(ctx))
	closeSessions()
	err = errors.Join(err, e.waitForPages(ctx, gone))
	e.stop()
	err = errors.Join(err, e.waitForGoroutines(ctx))
	if e.state == nil {
		return err
	}
	defer e.state.close()
	if complete {
		err = errors.Join(err, e.saveState())
	}
	return err
}

// closeReserve is how much of the time of a shutdown is left for closing the sessions,
// unless that is more than half of it.
const closeReserve = 2 * time.Second

// closeInTime closes the sessions when the returned function is called, or shortly
// before ctx ends, if the log has not taken the last events by then. Otherwise they would
// be cut, and pages whose connection breaks return at once, all of them together.
func (e *Engine) closeInTime(ctx context.Context) (closeSessions func()) {
	open, closeSessions := context.WithCancel(ctx)
	var late <-chan time.Time
	if end, ends := ctx.Deadline(); ends {
		left := time.Until(end)
		late = time.After(left - min(left/2, closeReserve))
	}
	e.spawn(func() {
		select {
		case <-open.Done():
		case <-late:
		}
		for _, p := range e.hub.StopJoining() {
			p.Close()
		}
	})
	return closeSessions
}

// drainRelay moves what is in the transactional outbox, but not for long: what stays
// leaves through another node, or after the next start.
func (e *Engine) drainRelay(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	e.relay.pass(ctx)
}

// waitForShutdown waits for an earlier call of Shutdown and returns its result.
func (e *Engine) waitForShutdown(ctx context.Context) error {
	select {
	case <-e.done:
		return e.outcome
	case <-ctx.Done():
	}
	select {
	case <-e.done: // both had happened
		return e.outcome
	default:
		return ctx.Err()
	}
}

// close keeps further pages from connecting. It reports whether this is the
// first call.
func (e *Engine) close() bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	first := !e.closed
	e.closed = true
	return first
}

// drainHub waits until everything that this node has published has come back
// from the log and has been given to the pages.
func (e *Engine) drainHub(parent context.Context) error {
	ctx, cancel := context.WithTimeout(parent, publish.StallTimeout)
	defer cancel()
	if e.hub.Await(ctx, e.hub.IsDrained) {
		return nil
	}
	if err := parent.Err(); err != nil {
		return fmt.Errorf("pull: drain: %w", err)
	}
	return errors.New("pull: published messages did not come back from the log")
}

// pagesGone returns a channel that is closed when every page has ended, those
// included that are still connecting. No further page may be added.
func (e *Engine) pagesGone() <-chan struct{} {
	gone := make(chan struct{})
	e.spawn(func() {
		e.pages.Wait()
		close(gone)
	})
	return gone
}

// waitForPages waits until every page has ended, which closes gone. When ctx ends,
// it cuts off the remaining ones.
func (e *Engine) waitForPages(ctx context.Context, gone <-chan struct{}) error {
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
	}
	left := e.hub.Pages()
	for _, p := range left {
		p.Cut()
	}
	<-gone
	if len(left) == 0 {
		return nil
	}
	return fmt.Errorf("pull: %d sessions were cut: %w", len(left), ctx.Err())
}

// goroutineWait is how long waitForGoroutines waits even if ctx has ended.
const goroutineWait = 5 * time.Second

// waitForGoroutines waits until all goroutines have ended. Only a hook, a
// pusher or a broker of the application can delay that.
func (e *Engine) waitForGoroutines(ctx context.Context) error {
	ended := make(chan struct{})
	go func() { // the only goroutine that running cannot count
		e.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(goroutineWait):
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("pull: a hook, the pusher or the broker is still running: %w", ctx.Err())
	}
}

// AddPage counts a page that connects. It returns false, and counts nothing, once
// the engine is shutting down. After true, the caller calls RemovePage or
// PageDone when the page is gone.
func (e *Engine) AddPage() bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	if !e.closed {
		e.pages.Add(1)
	}
	return !e.closed
}

// RemovePage removes a page that was admitted, returns its place, and calls
// PageDone.
func (e *Engine) RemovePage(page *hub.Page, payer string) {
	if e.hub.Leave(page) {
		signal.Send(e.graceStarted)
	}
	e.hub.Release(payer)
	e.PageDone()
}

// PageDone ends what AddPage has begun.
func (e *Engine) PageDone() { e.pages.Done() }
