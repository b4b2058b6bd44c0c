package engine

import (
	"context"
	"math"
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
	began  envelope.Cursor // position of the log when the request began
	scope  *Scope
	ended  atomic.Bool // set under mu

	mu     sync.Mutex     // guards the fields below, of which the order saves memory
	txID   uint32         // number of the request among those that have called SendTx; 0: it has not
	events [][]byte       // envelopes; nil if a later event with the same key has replaced it
	first  [1][]byte      // memory for events: most requests send one
	keys   map[string]int // index in events by key and target

	held      int16 // the part of the publisher's queue that the request uses
	taken     bool  // first belongs to a published batch
	heldBytes int32
}

const _ = uint(math.MaxInt16 - publish.MaxRequestEvents) // held is large enough

// outboxKey is the key of a request's innermost outbox in its context.
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
//
// The event leaves if the handler succeeds, whatever becomes of a database
// transaction that it reports on. SendTx binds an event to a transaction.
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
	if len(raw) > publish.MaxRequestBytes { // no Flush would make room for it
		return &event.SizeError{Size: len(raw), Limit: publish.MaxRequestBytes}
	}
	if err := o.reserveShare(1, len(raw)); err != nil {
		return err
	}
	if err := o.engine.publisher.Reserve(len(raw)); err != nil {
		o.releaseShare(1, len(raw))
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

// sender returns the name of the page that made the request if the event is not
// for it, else "".
func (o *Outbox) sender(e *event.Event) string {
	if !e.ExceptSender {
		return ""
	}
	client := o.header.Get(HeaderClient)
	if !envelope.IsClientID(client) {
		return ""
	}
	user, err := o.scope.currentUser()
	if err != nil {
		return ""
	}
	return envelope.SenderName(client, user)
}

// replace drops the earlier event with the key and target. The next event takes
// its place in keys. The caller holds mu.
func (o *Outbox) replace(key string, t *event.Target) {
	if o.keys == nil {
		o.keys = make(map[string]int)
	}
	name := key + "\x00" + string(event.AppendTarget(nil, "", t))
	if i, sent := o.keys[name]; sent {
		o.engine.publisher.Release(1, len(o.events[i]))
		o.releaseShare(1, len(o.events[i]))
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
	b, err := o.takeUnlessEnded(ctx)
	if err != nil || b.Events == 0 {
		return err
	}
	return o.engine.publisher.PublishAndWait(ctx, b)
}

// takeUnlessEnded is take, or returns an error if the request or ctx has ended.
func (o *Outbox) takeUnlessEnded(ctx context.Context) (publish.Batch, error) {
	o.mu.Lock()
	defer o.mu.Unlock()

	if o.ended.Load() {
		return publish.Batch{}, ErrTooLate
	}
	if err := ctx.Err(); err != nil {
		return publish.Batch{}, err
	}
	if o.txID != 0 {
		o.engine.relay.wakeUp()
	}
	return o.take(), nil
}

// take removes the collected events and returns them; the caller holds mu.
func (o *Outbox) take() publish.Batch {
	var b publish.Batch
	if o.keys != nil {
		o.events = slices.DeleteFunc(o.events, func(raw []byte) bool { return raw == nil })
	}
	b.Messages, b.Events = o.events, len(o.events)
	for _, raw := range o.events {
		b.Size += len(raw)
	}
	o.events, o.keys, o.taken = nil, nil, true
	o.releaseShare(b.Events, b.Size)
	return b
}

// reserveShare reserves a part of the request's share of the publisher's queue;
// the caller holds mu.
func (o *Outbox) reserveShare(events, bytes int) error {
	if int(o.held)+events > publish.MaxRequestEvents || int(o.heldBytes)+bytes > publish.MaxRequestBytes {
		return ErrOutboxFull
	}
	o.releaseShare(-events, -bytes)
	return nil
}

// releaseShare releases a part that reserveShare has reserved; the caller holds
// mu.
func (o *Outbox) releaseShare(events, bytes int) {
	o.held -= int16(events)     //nolint:gosec // less than the share
	o.heldBytes -= int32(bytes) //nolint:gosec // less than the share
}

// Discard drops the events collected since the last Flush.
func (o *Outbox) Discard() {
	if o == nil {
		return
	}
	o.mu.Lock()
	b := o.take()
	o.mu.Unlock()

	o.release(b)
}

// release returns the places of events that are not published.
func (o *Outbox) release(b publish.Batch) {
	if b.Events > 0 {
		o.engine.publisher.Release(b.Events, b.Size)
	}
}

// Watch makes the current user watch the tags for Config.WatchTTL, on all pages
// and devices. It does not wait for the end of the request, and a failed
// request does not undo it. With the embedded log, the watch is in force when
// Watch returns. With another broker, the response does not wait for it. Watch
// returns [ErrGuest] for a guest, [ErrTooManyWatches] beyond the bounds of
// Config, [ErrOutboxFull], [ErrQueueFull], [ErrTooLate], [ErrClosed], or the error
// of Config.User.
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
	user, err := o.scope.currentUser()
	if err != nil {
		return err
	}
	if err := o.useWatchShare(tags); err != nil {
		return err
	}
	last, err := o.engine.grant(user, o.scope.body.since(o.began).String(), tags)
	if err != nil {
		return err
	}
	o.engine.waitEmbedded(last)
	return nil
}

// useWatchShare uses up the request's share for the messages of a grant. They are
// published at once, and their part is never released.
func (o *Outbox) useWatchShare(tags []string) error {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.reserveShare(countParts(tags), 0)
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

// finish is the epilogue: it publishes the events, or discards them.
func (o *Outbox) finish(commit bool) {
	var b publish.Batch
	o.mu.Lock()
	o.ended.Store(true)
	if len(o.events) > 0 {
		b = o.take()
	}
	transacted := o.txID != 0
	o.mu.Unlock()
	o.scope.endIdentity()

	if transacted {
		o.engine.relay.wakeUp() // a failed handler may have committed
	}
	switch {
	case b.Events == 0:
	case commit:
		o.engine.publisher.Publish(b)
	default:
		o.release(b)
	}
}
