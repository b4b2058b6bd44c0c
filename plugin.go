package pull

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/publish"
	"github.com/echo-pull/pull/internal/rate"
)

// A Plugin adds real-time events to one Echo application. It is safe for
// concurrent use.
//
// It owns every goroutine: the publisher, the subscription to the broker, the
// dispatcher and its workers, the clock, the caller of the application's hooks,
// and those of the sessions. Everything else in the package is passive.
type Plugin struct {
	config      Config
	broker      broker.Broker
	memory      *broker.Memory // the broker, if that is a log in this process
	state       *stateFile     // nil where nothing is kept
	registry    registry
	node        *node
	publisher   *publish.Publisher
	dispatcher  *dispatcher
	broadcaster *conn.Broadcaster
	hooks       *hooks
	origins     origins
	hosts       hosts
	public      location // of Config.PublicPath
	mounted     atomic.Pointer[mount]
	limits      limits
	lingering   atomic.Int32 // refusals that are delayed
	reports     rate.Seldom

	sectionKey, identityKey string // of an echo.Context

	departed chan struct{}      // a user's grace has begun
	stop     context.CancelFunc // ends the goroutines that feed the sessions
	servers  sync.Map           // *http.Server → *atomic.Bool, whether it is shutting down

	mu      sync.Mutex // guards closed and every Add to pages
	closed  bool
	pages   sync.WaitGroup // sessions
	running sync.WaitGroup // all goroutines
	down    chan struct{}  // closed when Shutdown is through …
	outcome error          // … with this
}

// readyWait is how long New waits for the log to answer. A broker that is out
// of reach does not keep an application from starting: its pages get 503.
const readyWait = time.Second

// New starts a plugin. It returns an error for an invalid configuration. If the
// broker does not respond, New reports that to Config.OnError and the plugin
// keeps trying.
func New(config Config) (*Plugin, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Plugin{config: config, broker: config.Broker, departed: make(chan struct{}, 1), down: make(chan struct{})}
	if p.origins, err = parseOrigins(config.AllowedOrigins); err != nil {
		return nil, err
	}
	if p.hosts, err = parseHosts(config.Hosts); err != nil {
		return nil, err
	}
	if p.public, err = config.publicLocation(); err != nil {
		return nil, err
	}
	p.limits = newLimits(&p.config)
	p.hooks = newHooks(config.OnOnline, config.OnOffline, config.OnError)
	p.node = p.newNode()
	p.sectionKey, p.identityKey = "pull.section."+p.node.id, "pull.identity."+p.node.id
	p.memory, _ = p.broker.(*broker.Memory)
	if p.broker == nil {
		// The log is also what the dispatcher has still to read.
		p.memory = broker.NewMemory(config.WindowCount+publish.AheadMessages, config.WindowBytes+publish.AheadBytes, envelope.IsControl)
		p.broker = p.memory
		if err := p.restore(); err != nil {
			return nil, err
		}
	}
	p.publisher = publish.New(p.broker, p.memory, p.node.id, p.node, config.OnError)
	p.dispatcher = newDispatcher(p.node, runtime.GOMAXPROCS(0)-1)
	p.broadcaster = conn.NewBroadcaster(config.Tick)
	p.start()
	return p, nil
}

func (p *Plugin) newNode() *node {
	c := &p.config
	return newNode(nodeConfig{
		maxTagsPerUser: c.MaxTagsPerUser, maxUsersPerTag: c.MaxUsersPerTag,
		windowAge: c.WindowAge, windowCount: c.WindowCount, windowBytes: c.WindowBytes,
		watchTTL: c.WatchTTL, grace: c.PresenceGrace, scope: c.Online, tick: c.Tick,
		report: c.OnError, say: func(raw []byte) { p.publisher.Announce(raw) }, tell: p.hooks.tell,
	}, c.QueueBytes, p.spawn)
}

// start starts the goroutines, in the order of the flow.
func (p *Plugin) start() {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.spawn(func() { p.publisher.Run(ctx) })
	p.spawn(func() { p.listen(ctx) })
	for range p.dispatcher.workers {
		p.spawn(p.dispatcher.work)
	}
	p.spawn(func() { p.clock(ctx) })
	p.spawn(func() { p.hooks.run(ctx) })

	p.publisher.Announce(envelope.Control(envelope.KindHello, time.Now()))
	ready, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	if !p.node.Await(ready, func() bool { return p.node.applied.Load() > 0 }) {
		p.config.OnError(errNoLog)
	}
}

// spawn begins every goroutine but the one with which Shutdown waits for them.
func (p *Plugin) spawn(f func()) { p.running.Go(f) }

// listen dispatches what the log brings, until ctx ends.
func (p *Plugin) listen(ctx context.Context) {
	defer p.dispatcher.close()
	// Grants that are older than the window but not than their own life are in
	// the log as well.
	window := max(p.config.WindowAge, p.config.WatchTTL)
	if p.memory != nil {
		_ = broker.Follow(ctx, p.memory, window, p.dispatcher.dispatch) // saves a goroutine's turn for each batch
		return
	}
	p.spawn(func() { p.subscribe(ctx, window) })
	p.dispatcher.run(ctx)
}

// How long the plugin waits before it subscribes again.
const (
	shortestWait = 50 * time.Millisecond
	longestWait  = 2 * time.Second
)

// subscribe feeds the dispatcher from the broker, again and again until ctx ends.
func (p *Plugin) subscribe(ctx context.Context, window time.Duration) {
	for wait := shortestWait; ; wait = min(2*wait, longestWait) {
		began := time.Now()
		err := p.subscribeOnce(ctx, window)
		if ctx.Err() != nil {
			return
		}
		p.config.OnError(fmt.Errorf("pull: subscription: %w", err))
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
func (p *Plugin) subscribeOnce(ctx context.Context, window time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := p.broker.Subscribe(ctx, window, func(epoch string, offset uint64, message []byte) {
		d := broker.Delivery{Epoch: epoch, Offset: offset, Raw: message}
		if broken := d.Check(); broken != nil {
			cancel(broken)
		}
		if ctx.Err() == nil {
			p.dispatcher.accept(ctx, d)
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
func (p *Plugin) Register(modules ...Module) error { return p.registry.add(modules) }

// Send sends an event outside a request, such as from a cron job or a queue
// worker. It returns when the log has accepted the event. It returns the same
// errors as [Outbox.Send], or the error of ctx if ctx ends first; the event may
// then still be published. If ctx had ended before the call, nothing is sent.
func (p *Plugin) Send(ctx context.Context, t event.Target, e event.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := p.encode(&t, &e, "", time.Now())
	if err != nil || raw == nil {
		return err
	}
	if err := p.publisher.Reserve(len(raw)); err != nil {
		return err
	}
	return p.publisher.PublishAndWait(ctx, publish.Batch{Messages: [][]byte{raw}, Events: 1, Size: len(raw)})
}

// encode checks an event and returns its envelope: nil where it is for nobody.
func (p *Plugin) encode(t *event.Target, e *event.Event, sender string, now time.Time) ([]byte, error) {
	if err := event.Check(e); err != nil {
		return nil, err
	}
	if !p.registry.has(e.Module) {
		return nil, fmt.Errorf("%w: %q", ErrUnknownModule, e.Module)
	}
	if err := event.CheckTarget(t); err != nil {
		return nil, err
	}
	if event.IsNobody(t) {
		return nil, nil
	}
	raw, err := event.Encode(t, e, sender, now, p.config.EventBytes)
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
// middleware, as in p.Mount(e.Group("/pull", login)). For a request that does
// not pass the middleware, the plugin cannot determine when its login was
// checked. For five seconds such pages of the user get 503, so that they retry
// and pass the login again.
func (p *Plugin) Disconnect(user string) {
	if envelope.CheckIDs("user id", []string{user}) != nil {
		return
	}
	if _, err := p.publisher.Command(envelope.Control(envelope.KindDisconnect, time.Now(), user)); err != nil {
		p.config.OnError(fmt.Errorf("pull: disconnect user %q on other nodes: %w", user, err))
	}
	for _, s := range p.node.disconnect(user) {
		s.CloseNow(conn.CloseNotAllowed, "disconnected")
	}
}

func refuse(status int, reason string) *echo.HTTPError {
	return echo.NewHTTPError(status, http.StatusText(status)+": "+reason)
}
