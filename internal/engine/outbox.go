package engine

import (
	"context"
	"math"
	"net/http"
	"sync"
	"sync/atomic"

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
	parent      context.Context //nolint:containedctx // see Scope
	engine      *Engine
	request     any                      // the framework's own context
	header      http.Header              // of the request
	began       envelope.Cursor          // position of the log when the request began
	disconnects uint64                   // Hub.Disconnects when the request began
	body        *requestBody             // nil for a request without a body
	identity    atomic.Pointer[Identity] // nil until it is needed

	mu     sync.Mutex                 // guards the fields below, and each change of events
	events atomic.Pointer[collection] // nil while there are none; endedCollection after the request
	txID   uint32                     // number of the request among those that have called SendTx; 0: it has not
	grants int16                      // the part of the publisher's queue that Watch has used
}

const _ = uint(math.MaxInt16 - publish.MaxRequestEvents) // grants is large enough

var endedCollection = new(collection) //nolint:gochecknoglobals // a constant: of a request that has ended

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
		return s.Outbox()
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
	return o.engine.encodeTo(&t, &e, o.sender(&e), func(raw []byte) error {
		o.engine.recorder.note(raw, &e)
		return o.collect(raw, keyOf(&e), &t)
	})
}

// keyOf returns the key under which an event is collected. Fragments have keys of their
// own: an application may use one key for a fragment and an event about one thing.
func keyOf(e *event.Event) string {
	if e.Key != "" && event.IsOwn(e) {
		return e.Key + "\x00fragment"
	}
	return e.Key
}

// collect adds a copy of an envelope to the collected events.
func (o *Outbox) collect(raw []byte, key string, t *event.Target) error {
	o.mu.Lock()
	defer o.mu.Unlock()

	if o.hasEnded() {
		return ErrTooLate
	}
	if len(raw) > publish.MaxRequestBytes { // no Flush would make room for it
		return &event.SizeError{Size: len(raw), Limit: publish.MaxRequestBytes}
	}
	if !o.hasRoom(1, len(raw)) {
		return ErrOutboxFull
	}
	if err := o.engine.publisher.Reserve(len(raw)); err != nil {
		return err
	}
	c := o.events.Load()
	if c == nil {
		c = newCollection()
		o.events.Store(c)
	}
	if key != "" {
		if size := c.replace(key, t); size > 0 {
			o.engine.publisher.Release(1, size)
		}
	}
	c.add(raw)
	return nil
}

// hasEnded reports whether the request has ended.
func (o *Outbox) hasEnded() bool { return o.events.Load() == endedCollection }

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
	user, err := (*Scope)(o).currentUser()
	if err != nil {
		return ""
	}
	return envelope.SenderName(client, user)
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
	c, err := o.takeUnlessEnded(ctx)
	if err != nil || c == nil {
		return err
	}
	defer c.release()
	return o.engine.publisher.PublishAndWait(ctx, o.engine.traced(ctx, c.batch()))
}

// takeUnlessEnded is take, or returns an error if the request or ctx has ended.
func (o *Outbox) takeUnlessEnded(ctx context.Context) (*collection, error) {
	o.mu.Lock()
	defer o.mu.Unlock()

	if o.hasEnded() {
		return nil, ErrTooLate
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o.txID != 0 {
		o.engine.relay.wakeUp()
	}
	return o.take(), nil
}

// take removes the collected events and returns them, or nil if there are none. The
// caller holds mu.
func (o *Outbox) take() *collection {
	if o.hasEnded() {
		return nil
	}
	return o.events.Swap(nil)
}

// hasRoom reports whether the request's share of the publisher's queue has room. The
// caller holds mu.
func (o *Outbox) hasRoom(events, size int) bool {
	events += int(o.grants)
	if c := o.events.Load(); c != nil {
		events, size = events+c.count, size+c.size
	}
	return events <= publish.MaxRequestEvents && size <= publish.MaxRequestBytes
}

// Discard drops the events collected since the last Flush.
func (o *Outbox) Discard() {
	if o == nil {
		return
	}
	o.mu.Lock()
	c := o.take()
	o.mu.Unlock()

	if c != nil {
		o.drop(c)
	}
}

// drop gives back the places of events that are not published.
func (o *Outbox) drop(c *collection) {
	o.engine.publisher.Release(c.count, c.size)
	c.release()
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
	user, err := (*Scope)(o).currentUser()
	if err != nil {
		return err
	}
	if err := o.useWatchShare(tags); err != nil {
		return err
	}
	last, err := o.engine.grant(user, o.body.since(o.began).String(), tags)
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

	parts := countParts(tags)
	if !o.hasRoom(parts, 0) {
		return ErrOutboxFull
	}
	o.grants += int16(parts) //nolint:gosec // not more than the share
	return nil
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
	o.mu.Lock()
	c, transacted := o.take(), o.txID != 0
	o.events.Store(endedCollection)
	o.mu.Unlock()
	(*Scope)(o).endIdentity()

	if transacted {
		o.engine.relay.wakeUp() // a failed handler may have committed
	}
	switch {
	case c == nil:
	case commit:
		o.engine.publisher.Publish(o.engine.traced(o.parent, c.batch()))
		c.release()
	default:
		o.drop(c)
	}
}
