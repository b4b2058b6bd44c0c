package engine

import (
	"context"
	"time"

	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/explain"
	"github.com/echo-pull/pull/internal/fragment"
)

// Background runs f on a goroutine, for which Shutdown waits. ctx ends when the shutdown
// begins. Background returns false, and does not run f, once it has.
func (e *Engine) Background(f func(ctx context.Context)) bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	if e.closed {
		return false
	}
	e.spawn(func() { f(e.talking) })
	return true
}

// EventAt returns the event at an offset, or nil if the window of this node does not have
// it.
func (e *Engine) EventAt(offset uint64) *explain.Event { return e.hub.EventAt(offset) }

// ParamsAt returns the params of the event at an offset, as JSON, or nil if the window of
// this node does not have it.
func (e *Engine) ParamsAt(offset uint64) []byte { return e.hub.ParamsAt(offset) }

// RenderBriefly is Render for a fragment that no page needs after the given time.
func (e *Engine) RenderBriefly(ctx context.Context, t event.Target, f fragment.Fragment, ttl time.Duration) error {
	ev, err := e.render(ctx, &f)
	if err != nil {
		return err
	}
	ev.TTL = ttl
	return e.Send(ctx, t, ev)
}
