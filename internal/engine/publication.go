package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/publication"
	"github.com/echo-pull/pull/internal/publish"
)

// A Publication is a request of another service that publishes events.
type Publication struct {
	Key     envelope.RequestKey  // names the request
	Content envelope.ContentHash // of its body
	Lines   []publication.Line
}

// A LineError reports an event of a publication that cannot be sent.
type LineError struct {
	Index int // of the line
	Err   error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Index+1, e.Err) }

// Unwrap returns the reason.
func (e *LineError) Unwrap() error { return e.Err }

var (
	// ErrOtherContent is returned for a publication whose key another one had.
	ErrOtherContent = errors.New("pull: another publication has the key")

	// ErrUndecided is returned if the log has not got a publication in time. It may
	// still get it, or have a part of it.
	ErrUndecided = errors.New("pull: the publication is not known to be in the log")
)

// Publish sends the events of a publication next to one another, and returns the
// position of the last one when the log has all of them and this node has applied
// them. If the log has had a publication with the key, only what was missing then is
// sent. Publish sends none of the events if it returns a [LineError],
// [event.SizeError], [ErrOtherContent], [ErrQueueFull] or [ErrClosed] because it may not
// begin; it returns [ErrUndecided] when ctx or the engine ends.
func (e *Engine) Publish(ctx context.Context, p *Publication) (envelope.Cursor, error) {
	messages, err := e.encodeAll(p)
	if err != nil {
		return envelope.Cursor{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.stopped, cancel)() //nolint:contextcheck // the engine's end, too, ends the wait

	claim := e.hub.Claim(p.Key, p.Content, len(messages))
	defer e.hub.Unclaim(claim)
	if !claim.IsDecided() {
		if err := e.publishAll(ctx, messages[claim.Had:]); err != nil {
			return envelope.Cursor{}, err
		}
	}
	cursor, other, decided := claim.Await(ctx)
	switch {
	case !decided:
		return envelope.Cursor{}, ErrUndecided
	case other:
		return envelope.Cursor{}, ErrOtherContent
	}
	return cursor, nil
}

// encodeAll returns the envelopes of a publication, of which a later one replaces those
// before it with the same key and target.
func (e *Engine) encodeAll(p *Publication) ([][]byte, error) {
	c := newCollection()
	defer c.release()
	for i, l := range p.Lines {
		err := e.encodeTo(&l.Target, &l.Event, "", func(raw []byte) error {
			e.recorder.note(raw, &l.Event)
			if l.Event.Key != "" {
				c.replace(l.Event.Key, &l.Target)
			}
			c.add(raw)
			return nil
		})
		if err != nil {
			return nil, &LineError{i, err}
		}
	}
	size, messages := 0, c.batch().Messages
	keyed := make([][]byte, len(messages))
	for i, raw := range messages {
		keyed[i] = envelope.WithKey(raw, &envelope.Key{Request: p.Key, Line: uint16(i), Content: p.Content})
		if err := e.checkSize(len(keyed[i])); err != nil {
			return nil, &LineError{i, err}
		}
		size += len(keyed[i])
	}
	if size > publish.MaxRequestBytes {
		return nil, &event.SizeError{Size: size, Limit: publish.MaxRequestBytes}
	}
	return keyed, nil
}

// publishAll reserves places for messages, and waits until the log has them.
func (e *Engine) publishAll(ctx context.Context, messages [][]byte) error {
	b := publish.Batch{Messages: messages}
	for _, raw := range messages {
		if err := e.publisher.Reserve(len(raw)); err != nil {
			e.publisher.Release(b.Events, b.Size)
			return err
		}
		b.Events++
		b.Size += len(raw)
	}
	if err := e.publisher.PublishAndWait(ctx, e.traced(ctx, b)); err != nil {
		return errors.Join(ErrUndecided, err)
	}
	return nil
}
