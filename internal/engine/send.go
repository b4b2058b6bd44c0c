package engine

import (
	"bytes"
	"context"
	"fmt"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// Send sends an event outside a request, such as from a cron job or a queue
// worker. It returns when the log has accepted the event. It returns the same
// errors as [Outbox.Send], or the error of ctx if ctx ends first; the event may
// then still be published. If ctx had ended before the call, nothing is sent.
func (e *Engine) Send(ctx context.Context, t event.Target, ev event.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return e.encodeTo(&t, &ev, "", func(raw []byte) error {
		e.recorder.note(raw, &ev)
		if err := e.publisher.Reserve(len(raw)); err != nil {
			return err
		}
		c := newCollection() // whose memory costs nothing
		defer c.release()
		c.add(raw)
		return e.publisher.PublishAndWait(ctx, e.traced(ctx, c.batch()))
	})
}

// encode checks an event and returns its envelope, or nil if its target is
// nobody.
func (e *Engine) encode(t *event.Target, ev *event.Event, sender string) (raw []byte, err error) {
	err = e.encodeTo(t, ev, sender, func(b []byte) error {
		raw = bytes.Clone(b)
		return nil
	})
	return raw, err
}

// encodeTo checks an event and passes its envelope to use, which has to copy what it
// keeps. It does not call use if the target is nobody.
func (e *Engine) encodeTo(t *event.Target, ev *event.Event, sender string, use func(raw []byte) error) error {
	if err := event.Check(ev); err != nil {
		return err
	}
	if !event.IsOwn(ev) && !e.registry.has(ev.Module) {
		return fmt.Errorf("%w %q: register it with Plugin.Register", ErrUnknownModule, ev.Module)
	}
	if err := event.CheckTarget(t); err != nil {
		return err
	}
	if err := e.checkPush(t, ev); err != nil {
		return err
	}
	if event.IsNobody(t) {
		return nil
	}
	return event.Encode(t, ev, sender, e.config.EventBytes, func(raw []byte) error {
		if err := e.checkSize(len(raw)); err != nil { // a target may be of any size
			return err
		}
		return use(raw)
	})
}

// checkSize returns an error if the log cannot hold a message of so many bytes, which may
// still get a trace.
func (e *Engine) checkSize(size int) error {
	if e.config.Trace != nil {
		size += envelope.TraceRoom
	}
	return e.checkFinalSize(size)
}

// checkFinalSize is checkSize for a message that has its trace, if it has one.
func (e *Engine) checkFinalSize(size int) error {
	if size > e.maxMessage {
		return &event.SizeError{Size: size, Limit: e.maxMessage}
	}
	return nil
}
