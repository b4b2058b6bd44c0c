package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/publish"
)

// This file is the way in for package pulltest. It has a plugin only through the
// plugin's public methods, of which Watch returns the engine, hidden in a type
// that no one else can open.

// Of returns the engine of a plugin.
func Of(w Watches) *Engine { return w.engine }

// SetServer keeps what serves the engine over HTTP. It is called once, before any
// request.
func (e *Engine) SetServer(server any) { e.server = server }

// Server returns the argument of SetServer.
func (e *Engine) Server() any { return e.server }

// AdmitModules makes every module register itself when it is first used.
func (e *Engine) AdmitModules() { e.registry.admitAll() }

// Observe turns the recorder on: from now on it notes what an envelope does not
// have of an event.
func (e *Engine) Observe() {
	if e.recorder.on.CompareAndSwap(false, true) {
		e.publisher.Observe(e.recorder.published)
	}
}

// Record passes the events that leave from now on to take, in order, until stop
// is called. take must not call the engine.
func (e *Engine) Record(take func(Record)) (stop func()) {
	e.Observe()
	return e.recorder.read(take)
}

// Relay moves the events of committed transactions into the log. It does nothing
// without a transactional outbox.
func (e *Engine) Relay(ctx context.Context) {
	if e.relay.outbox != nil {
		e.relay.pass(ctx)
	}
}

// Settle waits until what was in the log at the time of the call, and what this
// node had published, has been given to the pages. While the broker fails because
// of Fail, nothing new is in the log. After Shutdown there are no pages to wait for.
func (e *Engine) Settle(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.stopped, cancel)() //nolint:contextcheck // it is that of the plugin

	seq := e.hub.Applied()
	if e.publisher.Fault() == nil {
		var err error
		seq, err = e.publisher.Mark(envelope.Control(envelope.KindBeat, time.Now()))
		if errors.Is(err, publish.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if !e.hub.AwaitSettled(ctx, seq) && e.stopped.Err() == nil {
		return fmt.Errorf("pull: what was published did not come back from the log: %w", ctx.Err())
	}
	return nil
}

// Fail makes the broker fail with err until mend is called.
func (e *Engine) Fail(err error) (mend func()) { return e.publisher.Fail(err) }

// Fill occupies all places of the publisher's queue until release is called.
func (e *Engine) Fill() (release func()) { return e.publisher.Fill() }

// LoseLog replaces the embedded log by an empty one, and reports whether the log
// is embedded.
func (e *Engine) LoseLog() bool {
	if e.memory == nil {
		return false
	}
	broker.Renew(e.memory)
	return true
}
