package engine

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/publish"
)

// HeaderClient is the request header that identifies a user's page, for
// Event.ExceptSender. The browser client returns it from pull.headers().
const HeaderClient = "Pull-Client"

// An Outbox collects the events of one request. After the handler has
// succeeded, they are published in the order in which they were sent, next to
// one another. If the handler fails, they are discarded. Several goroutines may
// use an Outbox until the handler returns.
type Outbox struct {
	engine *Engine
	header http.Header     // of the request
	began  envelope.Cursor // the log when the request began
	scope  *Scope
	ended  atomic.Bool // set under mu

	mu     sync.Mutex     // guards what follows
	taken  bool           // first is in use elsewhere
	events [][]byte       // envelopes; nil where a later one of the same key has replaced it
	first  [1][]byte      // most requests need no more
	keys   map[string]int // key and target → index in events

	held, heldBytes int32 // what the request has taken of its share of the publisher's queue
}

type outboxKey struct{}

// From returns the outbox of the request that ctx belongs to, for services and
// repositories that do not depend on Echo. It returns nil if there is none; the
// methods of a nil Outbox return [ErrNoOutbox]. If the request has passed the
// middleware of several plugins, From returns the outbox of the last, innermost
// one. [Plugin.Outbox] returns the others.
func From(ctx context.Context) *Outbox {
	o, _ := ctx.Value(outboxKey{}).(*Outbox)
	return o
}

// Outbox returns this engine's outbox of the request that ctx belongs to, or nil.
func (e *Engine) Outbox(ctx context.Context) *Outbox {
	if s := e.ScopeOf(ctx); s != nil {
		return &s.outbox
	}
	return nil
}

// Send collects an event for the target. If anything is wrong with the event,
// Send collects nothing and returns [ErrUnknownModule], [ErrTooLarge], a
// [ParamsError], [ErrOutboxFull], [ErrQueueFull], [ErrTooLate], [ErrClosed], or
// another error for a malformed name, tag or id.
func (o *Outbox) Send(t event.Target, e event.Event) error {
	if o == nil {
		return ErrNoOutbox
	}
	raw, err := o.engine.encode(&t, &e, o.sender(&e), time.Now())
	if err != nil || raw == nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()

	if o.ended.Load() {
		return ErrTooLate
	}
	if len(raw) > publish.ShareBytes { // no Flush would make room for it
		return &event.SizeError{Size: len(raw), Limit: publish.ShareBytes}
	}
	if err := o.takeShare(1, len(raw)); err != nil {
		return err
	}
	if err := o.engine.publisher.Reserve(len(raw)); err != nil {
		o.giveShare(1, len(raw))
		return err
	}
	if e.Key != "" {
		o.replace(e.Key, &t)
	}
	if o.events == nil && !o.taken {
		o.events = o.first[:0]
	}
	o.events = append(o.events, raw)
	return nil
}

func (o *Outbox) sender(e *event.Event) string {
	if !e.ExceptSender {
		return ""
	}
	client := o.header.Get(HeaderClient)
	if !envelope.IsClient(client) {
		return ""
	}
	user, err := o.scope.user()
	if err != nil {
		return ""
	}
	return envelope.SenderName(client, user)
}

// replace forgets the earlier event of the key and target, and has the next
// one remembered in its place; the caller holds mu.
func (o *Outbox) replace(key string, t *event.Target) {
	if o.keys == nil {
		o.keys = make(map[string]int)
	}
	name := key + "\x00" + string(event.AppendTarget(nil, "", t))
	if i, sent := o.keys[name]; sent {
		o.engine.publisher.Release(1, len(o.events[i]))
		o.giveShare(1, len(o.events[i]))
		o.events[i] = nil
	}
	o.keys[name] = len(o.events)
}

// Flush publishes the collected events now, whether or not the request
// succeeds, and returns when the log has them. Use it for streams and long
// handlers. If ctx ends first, the events may still be published; if ctx had
// ended before the call, they stay collected. The outbox can be used again
// afterwards.
func (o *Outbox) Flush(ctx context.Context) error {
	if o == nil {
		return ErrNoOutbox
	}
	s, err := o.takeFor(ctx)
	if err != nil || s.Events == 0 {
		return err
	}
	return o.engine.publisher.PublishAndWait(ctx, s)
}

// takeFor takes what was collected, while there is somebody to hand it over.
func (o *Outbox) takeFor(ctx context.Context) (publish.Batch, error) {
	o.mu.Lock()
	defer o.mu.Unlock()

	if o.ended.Load() {
		return publish.Batch{}, ErrTooLate
	}
	if err := ctx.Err(); err != nil {
		return publish.Batch{}, err
	}
	return o.takeShipment(), nil
}

// takeShipment takes what was collected; the caller holds mu.
func (o *Outbox) takeShipment() publish.Batch {
	var s publish.Batch
	if o.keys != nil {
		o.events = slices.DeleteFunc(o.events, func(raw []byte) bool { return raw == nil })
	}
	s.Messages, s.Events = o.events, len(o.events)
	for _, raw := range o.events {
		s.Size += len(raw)
	}
	o.events, o.keys, o.taken = nil, nil, true
	o.giveShare(s.Events, s.Size)
	return s
}

// takeShare takes a part of what one request may take of the publisher's queue;
// the caller holds mu.
func (o *Outbox) takeShare(events, bytes int) error {
	if int(o.held)+events > publish.ShareEvents || int(o.heldBytes)+bytes > publish.ShareBytes {
		return ErrOutboxFull
	}
	o.giveShare(-events, -bytes)
	return nil
}

func (o *Outbox) giveShare(events, bytes int) {
	o.held -= int32(events)     //nolint:gosec // less than the share
	o.heldBytes -= int32(bytes) //nolint:gosec // less than the share
}

// Discard drops the events collected since the last Flush.
func (o *Outbox) Discard() {
	if o == nil {
		return
	}
	o.mu.Lock()
	s := o.takeShipment()
	o.mu.Unlock()

	o.drop(s)
}

func (o *Outbox) drop(s publish.Batch) {
	if s.Events > 0 {
		o.engine.publisher.Release(s.Events, s.Size)
	}
}

// Watch makes the current user watch the tags for Config.WatchTTL, on all pages
// and devices. It does not wait for the end of the request, and a failed
// request does not undo it. With the embedded log, the watch is in force when
// Watch returns. With another broker, the response does not wait for it. Watch
// returns [ErrGuest] for a guest and [ErrTooManyWatches] beyond the bounds of
// Config.
//
// If the request has no body, as is usual for a page, the watch counts from the
// beginning of the request. The page reads its state after that. A page that
// connects with the request's cursor receives everything sent to the tags
// since.
//
// If the request has a body, the watch counts from the moment at which the body
// had been read, or from the call if that comes first. Otherwise a client could
// begin a request, send the rest once it may watch the tag, and receive what
// was sent there before. Therefore read what the response shows after the body.
//
// If a user must not receive anything sent before being admitted, use
// [Watches.Add], which counts from the call for every request.
func (o *Outbox) Watch(tags ...string) error {
	if o == nil {
		return ErrNoOutbox
	}
	user, err := o.scope.user()
	if err != nil {
		return err
	}
	if err := o.takeWatchShare(tags); err != nil {
		return err
	}
	last, err := o.engine.grant(user, o.scope.body.since(o.began).String(), tags)
	if err != nil {
		return err
	}
	o.engine.awaitEmbedded(last)
	return nil
}

// takeWatchShare counts the messages of a grant, which leave at once and are not
// given back.
func (o *Outbox) takeWatchShare(tags []string) error {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.takeShare(partsOf(tags), 0)
}

// Cursor returns the position of the log when the request began. A page that
// connects with it receives everything that was sent to it since. [Plugin.Head]
// renders the cursor. A single-page application can get it with any response.
func (o *Outbox) Cursor() string {
	if o == nil {
		return envelope.Cursor{}.String()
	}
	return o.began.String()
}

// end is the epilogue: the events leave, or are forgotten.
func (o *Outbox) end(commit bool) {
	var s publish.Batch
	o.mu.Lock()
	o.ended.Store(true)
	if len(o.events) > 0 {
		s = o.takeShipment()
	}
	o.mu.Unlock()
	o.scope.endIdentity()

	switch {
	case s.Events == 0:
	case commit:
		o.engine.publisher.Publish(s)
	default:
		o.drop(s)
	}
}
