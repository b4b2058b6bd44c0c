// Package engine is a plugin without its framework and without HTTP: it owns the
// goroutines, the outboxes of requests, and the way of events through the log.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/publish"
)

// An Engine is a plugin without its framework: what it derives from the log, and
// how events get there. It is safe for concurrent use.
//
// It owns every goroutine: the publisher, the subscription to the broker, the
// dispatcher and its workers, the clock, the caller of the application's hooks,
// and those of the pages. Everything else is passive.
type Engine struct {
	config     Config
	broker     broker.Broker
	memory     *broker.Memory // the broker, if that is a log in this process; else nil
	state      *stateFile     // nil where nothing is kept
	registry   registry
	hub        *hub.Hub
	publisher  *publish.Publisher
	dispatcher *hub.Dispatcher
	hooks      *hooks

	departed chan struct{}      // a user's grace has begun
	stop     context.CancelFunc // ends the goroutines that feed the pages

	mu      sync.Mutex // guards closed and every Add to pages
	closed  bool
	pages   sync.WaitGroup
	running sync.WaitGroup // all goroutines
	down    chan struct{}  // closed when Shutdown is through …
	outcome error          // … with this
}

// readyWait is how long New waits for the log to answer. A broker that is out
// of reach does not keep an application from starting: its pages get 503.
const readyWait = time.Second

// New starts an engine. It returns an error for an invalid configuration. If the
// broker does not respond, it reports that to Config.OnError and keeps trying.
func New(config Config) (*Engine, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{config: config, broker: config.Broker, departed: make(chan struct{}, 1), down: make(chan struct{})}
	e.hooks = newHooks(config.OnOnline, config.OnOffline, config.OnError)
	e.hub = e.newHub()
	e.memory, _ = e.broker.(*broker.Memory)
	if e.broker == nil {
		// The log is also what the dispatcher has still to read.
		e.memory = broker.NewMemory(config.WindowCount+publish.AheadMessages, config.WindowBytes+publish.AheadBytes, envelope.IsControl)
		e.broker = e.memory
		if err := e.restore(); err != nil {
			return nil, err
		}
	}
	e.publisher = publish.New(e.broker, e.memory, e.hub.ID, e.hub, config.OnError)
	e.dispatcher = hub.NewDispatcher(e.hub, runtime.GOMAXPROCS(0)-1)
	e.start()
	return e, nil
}

func (e *Engine) newHub() *hub.Hub {
	c := &e.config
	return hub.New(hub.Config{
		MaxTagsPerUser: c.MaxTagsPerUser, MaxUsersPerTag: c.MaxUsersPerTag,
		WindowAge: c.WindowAge, WindowCount: c.WindowCount, WindowBytes: c.WindowBytes,
		WatchTTL: c.WatchTTL, Grace: c.PresenceGrace, Scope: c.Online, Tick: c.Tick,
		Report: c.OnError, Say: func(raw []byte) { e.publisher.Announce(raw) }, Tell: e.hooks.tell,
	}, c.QueueBytes, e.spawn)
}

// start starts the goroutines, in the order of the flow.
func (e *Engine) start() {
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.spawn(func() { e.publisher.Run(ctx) })
	e.spawn(func() { e.listen(ctx) })
	for range e.dispatcher.Workers {
		e.spawn(e.dispatcher.Work)
	}
	e.spawn(func() { e.clock(ctx) })
	e.spawn(func() { e.hooks.run(ctx) })

	e.publisher.Announce(envelope.Control(envelope.KindHello, time.Now()))
	ready, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	if !e.hub.Await(ready, func() bool { return e.hub.Applied() > 0 }) {
		e.config.OnError(hub.ErrNoLog)
	}
}

// spawn begins every goroutine but the one with which Shutdown waits for them.
func (e *Engine) spawn(f func()) { e.running.Go(f) }

// listen dispatches what the log brings, until ctx ends.
func (e *Engine) listen(ctx context.Context) {
	defer e.dispatcher.Close()
	// Grants that are older than the window but not than their own life are in
	// the log as well.
	window := max(e.config.WindowAge, e.config.WatchTTL)
	if e.memory != nil {
		_ = broker.Follow(ctx, e.memory, window, e.dispatcher.Dispatch) // saves a goroutine's turn for each batch
		return
	}
	e.spawn(func() { e.subscribe(ctx, window) })
	e.dispatcher.Run(ctx)
}

// How long the plugin waits before it subscribes again.
const (
	shortestWait = 50 * time.Millisecond
	longestWait  = 2 * time.Second
)

// subscribe feeds the dispatcher from the broker, again and again until ctx ends.
func (e *Engine) subscribe(ctx context.Context, window time.Duration) {
	for wait := shortestWait; ; wait = min(2*wait, longestWait) {
		began := time.Now()
		err := e.subscribeOnce(ctx, window)
		if ctx.Err() != nil {
			return
		}
		e.config.OnError(fmt.Errorf("pull: subscription: %w", err))
		if time.Since(began) > longestWait {
			wait = shortestWait
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// subscribeOnce feeds the dispatcher until the subscription ends, and returns
// why. A broker that breaks its contract is not listened to any longer.
func (e *Engine) subscribeOnce(ctx context.Context, window time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := e.broker.Subscribe(ctx, window, func(epoch string, offset uint64, message []byte) {
		d := broker.Delivery{Epoch: epoch, Offset: offset, Raw: message}
		if broken := d.Check(); broken != nil {
			cancel(broken)
		}
		if ctx.Err() == nil {
			e.dispatcher.Accept(ctx, d)
		}
	})
	if broken := context.Cause(ctx); broken != nil {
		return broken
	}
	if err == nil {
		err = errors.New("ended by itself")
	}
	return err
}

// Register adds modules. It converts their ids to lower case. A module replaces
// an earlier one with the same id. If any id is malformed or reserved, Register
// returns an error and adds none of them.
func (e *Engine) Register(modules ...Module) error { return e.registry.add(modules) }

// Send sends an event outside a request, such as from a cron job or a queue
// worker. It returns when the log has accepted the event. It returns the same
// errors as [Outbox.Send], or the error of ctx if ctx ends first; the event may
// then still be published. If ctx had ended before the call, nothing is sent.
func (e *Engine) Send(ctx context.Context, t event.Target, ev event.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := e.encode(&t, &ev, "", time.Now())
	if err != nil || raw == nil {
		return err
	}
	if err := e.publisher.Reserve(len(raw)); err != nil {
		return err
	}
	return e.publisher.PublishAndWait(ctx, publish.Batch{Messages: [][]byte{raw}, Events: 1, Size: len(raw)})
}

// encode checks an event and returns its envelope: nil where it is for nobody.
func (e *Engine) encode(t *event.Target, ev *event.Event, sender string, now time.Time) ([]byte, error) {
	if err := event.Check(ev); err != nil {
		return nil, err
	}
	if !e.registry.has(ev.Module) {
		return nil, fmt.Errorf("%w: %q", ErrUnknownModule, ev.Module)
	}
	if err := event.CheckTarget(t); err != nil {
		return nil, err
	}
	if event.IsNobody(t) {
		return nil, nil
	}
	raw, err := event.Encode(t, ev, sender, now, e.config.EventBytes)
	if len(raw) > publish.MaxBytes { // a target may be of any size
		return nil, &event.SizeError{Size: len(raw), Limit: publish.MaxBytes}
	}
	return raw, err
}

// Disconnect closes the user's sessions on all nodes with 4003. Their pages do
// not reconnect by themselves. A page that is loaded again has to pass the
// application's own authentication, so make that refuse the user before you
// call Disconnect. For a guest or an invalid id Disconnect does nothing.
//
// A page that is connecting at that moment is refused if its request has
// already passed [Plugin.Middleware]. The login should therefore run after the
// middleware, as in e.Mount(e.Group("/pull", login)). For a request that does
// not pass the middleware, the plugin cannot determine when its login was
// checked. For five seconds such pages of the user get 503, so that they retry
// and pass the login again.
func (e *Engine) Disconnect(user string) {
	if envelope.CheckIDs("user id", []string{user}) != nil {
		return
	}
	if _, err := e.publisher.Command(envelope.Control(envelope.KindDisconnect, time.Now(), user)); err != nil {
		e.config.OnError(fmt.Errorf("pull: disconnect user %q on other nodes: %w", user, err))
	}
	for _, s := range e.hub.Disconnect(user) {
		s.CloseNow(conn.CloseNotAllowed, "disconnected")
	}
}

// Broker returns the log.
func (e *Engine) Broker() broker.Broker { return e.broker }

// Hub returns what this node derives from the log.
func (e *Engine) Hub() *hub.Hub { return e.hub }

// Report reports an error that no caller can be told.
func (e *Engine) Report(err error) { e.config.OnError(err) }

// Logger returns where what is no error is logged.
func (e *Engine) Logger() *slog.Logger { return e.config.Logger }

// Tick returns how often a page is pinged, and WatchTTL how long a watch lives.
func (e *Engine) Tick() time.Duration     { return e.config.Tick }
func (e *Engine) WatchTTL() time.Duration { return e.config.WatchTTL }

// Needs reports whether any module uses the section.
func (e *Engine) Needs(s Section) bool { return e.registry.needed(s) }
