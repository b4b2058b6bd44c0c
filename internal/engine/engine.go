// Package engine is the part of a plugin that needs no framework and no HTTP.
// It owns the goroutines, collects the events of requests in outboxes, and
// publishes them to the log.
package engine

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/grant"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/oplog"
	"github.com/echo-pull/pull/internal/publish"
	"github.com/echo-pull/pull/internal/tally"
	"github.com/echo-pull/pull/internal/ticket"
)

// An Engine is a plugin without its framework. It publishes events to the log
// and delivers them from there to the pages. It is safe for concurrent use.
//
// It starts every goroutine: the publisher, the subscription to the broker, the
// dispatcher and its workers, the clock, the journal, the one that calls the
// application's hooks, those that send notifications, and those of the pages.
// Everything else is passive.
type Engine struct {
	config     Config
	broker     broker.Broker
	memory     *broker.Memory // the broker if it is the embedded one, else nil
	state      *stateFile     // nil without Config.StateFile
	secret     []byte         // of grants and tickets, without Config.Secret
	grants     *grant.Sealer
	tickets    *ticket.Sealer
	registry   registry
	hub        *hub.Hub
	publisher  *publish.Publisher
	dispatcher *hub.Dispatcher
	hooks      *hooks
	relay      *relay
	notifier   *notifier // nil without Config.Pusher
	maxMessage int       // bytes of the largest message that the log can hold
	recorder   recorder
	server     any // what serves the engine over HTTP
	refused    tally.Counts
	began      time.Time

	unsubscribed   atomic.Bool        // the subscription has failed, and nothing has come since
	ticketsMissing sync.Once          // reports ErrNoTickets
	talking        context.Context    //nolint:containedctx // of the calls of Module.Relay …
	stopTalking    context.CancelFunc // … which the shutdown ends

	graceStarted chan struct{}      // the time of the next end of a grace has changed
	stop         context.CancelFunc // ends the goroutines that start begins …
	stopped      context.Context    //nolint:containedctx // … and this context

	mu      sync.Mutex // guards closed and every Add to pages
	closed  bool
	pages   sync.WaitGroup
	running sync.WaitGroup // all goroutines
	done    chan struct{}  // closed when Shutdown has finished
	outcome error          // the result of Shutdown; valid once done is closed
}

// readyWait bounds how long New waits for the first message from the log. An
// unreachable broker does not keep an application from starting: its pages get
// 503.
const readyWait = time.Second

// New starts an engine. It returns an error for an invalid configuration. If the
// broker does not respond, it reports that to Config.OnError and keeps trying.
func New(config Config) (*Engine, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{config: config, broker: config.Broker, graceStarted: make(chan struct{}, 1), done: make(chan struct{})}
	e.began, e.refused = time.Now(), newRefusals()
	e.hooks = newHooks(config.OnOnline, config.OnOffline, config.OnError)
	e.notifier = newNotifier(&e.config)
	e.hub = e.newHub()
	e.memory, _ = e.broker.(*broker.Memory)
	if e.broker == nil {
		// The log also holds what the dispatcher has not read yet.
		count, bytes := config.WindowCount+publish.AheadMessages, config.WindowBytes+publish.AheadBytes
		if config.TxOutbox != nil {
			count, bytes = count+relayMessages, bytes+relayBytes
		}
		e.memory = broker.NewMemory(count, bytes, e.logAge(), envelope.IsTransient, e.hub.Needed())
		e.broker = e.memory
		if err := e.openState(); err != nil {
			return nil, err
		}
	}
	e.openSecret()
	e.talking, e.stopTalking = context.WithCancel(context.Background())
	e.maxMessage = publish.MaxBytes
	if limited, ok := e.broker.(broker.Limited); ok {
		e.maxMessage = min(e.maxMessage, limited.MaxMessageBytes())
	}
	e.relay = e.newRelay()
	e.notifier.open(e)
	e.publisher = publish.New(e.broker, e.hub.ID, e.hub, config.OnError,
		&outage{report: config.OnError, logger: config.Logger, part: "publish"})
	e.dispatcher = hub.NewDispatcher(e.hub, runtime.GOMAXPROCS(0)-1)
	e.start()
	return e, nil
}

// logAge returns how long the embedded log keeps messages. Watches are in the state
// file; notifications that wait and ends of sessions are found in the log by the next
// process.
func (e *Engine) logAge() time.Duration {
	switch {
	case e.config.StateFile == "":
		return e.config.WindowAge
	case e.notifier != nil:
		return max(e.config.WindowAge, e.config.WatchTTL, hub.EndLife)
	case e.HasSessions():
		return max(e.config.WindowAge, hub.EndLife)
	}
	return e.config.WindowAge
}

// newHub returns the hub for the configuration. The hub does not publish before
// start.
func (e *Engine) newHub() *hub.Hub {
	c := &e.config
	return hub.New(hub.Config{
		MaxTagsPerUser: c.MaxTagsPerUser, MaxUsersPerTag: c.MaxUsersPerTag,
		WindowAge: c.WindowAge, WindowCount: c.WindowCount, WindowBytes: c.WindowBytes,
		WatchTTL: c.WatchTTL, Grace: c.PresenceGrace, Scope: c.Online, Tick: c.Tick, Shared: c.Broker != nil,
		Push: c.Pusher != nil, LogOutlives: c.StateFile != "", PushPatience: c.PushPatience, PushDue: e.notifier.wakeUp,
		Report: c.OnError, Publish: func(raw []byte) { e.publisher.Announce(raw) }, Notify: e.hooks.notify, Deliver: e.deliver(),
	}, c.QueueBytes, e.spawn)
}

// start starts the goroutines, in the order in which events pass them, and
// waits a moment for the log.
func (e *Engine) start() {
	ctx, stop := context.WithCancel(context.Background())
	e.stop, e.stopped = stop, ctx
	e.spawn(func() { e.publisher.Run(ctx) })
	e.spawn(func() { e.dispatch(ctx) })
	for range e.dispatcher.Workers {
		e.spawn(e.dispatcher.Work)
	}
	e.spawn(func() { e.clock(ctx) })
	e.spawn(func() { e.keepJournal(ctx) })
	e.spawn(func() { e.hooks.run(ctx) })
	if e.relay.outbox != nil {
		e.spawn(func() { e.relay.run(ctx) })
	}
	if e.notifier != nil {
		e.spawn(e.notifier.run)
	}

	e.publisher.Announce(envelope.Control(envelope.KindHello, time.Now()))
	ready, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	if !e.hub.Await(ready, func() bool { return e.hub.Applied() > 0 }) {
		e.config.OnError(hub.ErrNoLog)
	}
	oplog.Started.Log(e.config.Logger, e.hub.ID, fmt.Sprintf("%T", e.broker))
}

// spawn starts every goroutine except the one that waits for all of them.
func (e *Engine) spawn(f func()) { e.running.Go(f) }

// Register adds modules. It converts their ids to lower case. A module replaces
// an earlier one with the same id. If any id is malformed or reserved, Register
// returns an error and adds none of them.
func (e *Engine) Register(modules ...Module) error { return e.registry.add(modules) }

// Broker returns the log.
func (e *Engine) Broker() broker.Broker { return e.broker } //nolint:ireturn // it is Config.Broker

// Hub returns the hub of this node.
func (e *Engine) Hub() *hub.Hub { return e.hub }

// Report passes an error that cannot be returned to a caller to Config.OnError.
func (e *Engine) Report(err error) { e.config.OnError(err) }

// Misconfigured logs that a part of the plugin cannot work as the application is set up,
// and passes the error to Config.OnError, unless that only logs it once more.
func (e *Engine) Misconfigured(err error) {
	oplog.Unusable.Log(e.config.Logger, err)
	if !e.config.logsErrors {
		e.Report(err)
	}
}

// Logger returns the logger for what is not an error.
func (e *Engine) Logger() *slog.Logger { return e.config.Logger }

// Tick returns how often a page gets a ping.
func (e *Engine) Tick() time.Duration { return e.config.Tick }

// WatchTTL returns how long a watch lasts after it was last extended.
func (e *Engine) WatchTTL() time.Duration { return e.config.WatchTTL }

// GrantTTL returns how long a grant is valid after it was made or renewed.
func (e *Engine) GrantTTL() time.Duration { return e.config.GrantTTL }

// IsSectionUsed reports whether any module uses the section.
func (e *Engine) IsSectionUsed(s Section) bool { return e.registry.isUsed(s) }
