package engine

import (
	"context"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/explain"
	"github.com/echo-pull/pull/internal/fragment"
	"github.com/echo-pull/pull/internal/protocol"
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

// Show renders a fragment and sends it to the pages that watch a tag and are connected
// now. No page gets it later: nodes do not keep it, so it takes no room from events, and
// counts as none. Show never waits for the log. It sends nothing that the log cannot take
// at the moment, and no page gets it after the given time. Unless Show returns an error, it
// calls settled, once, perhaps later: when nothing waits for the log.
func (e *Engine) Show(ctx context.Context, tag string, f fragment.Fragment, ttl time.Duration, settled func()) error {
	params, err := fragment.Render(ctx, &f, e.config.EventBytes)
	if err != nil {
		return err
	}
	body, err := event.MessageBody(protocol.PluginModule, protocol.RenderCommand, params)
	if err != nil {
		return err
	}
	now := time.Now()
	raw := envelope.Update(tag, body, now, now.Add(ttl))
	if err := e.checkSize(len(raw)); err != nil {
		return err
	}
	_ = e.publisher.Relay(raw, settled) // the log cannot take it now
	return nil
}
