package pull

import (
	"context"

	"github.com/labstack/echo/v4/middleware"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/web"
)

// A Plugin adds real-time events to one Echo application. It is safe for
// concurrent use.
type Plugin struct {
	config Config
	engine *engine.Engine // the core without HTTP
	server *web.Server    // HTTP without Echo
}

// New starts a plugin. It returns an error for an invalid configuration, and logs
// that to Config.Logger as well. If the broker does not respond, New reports that to
// Config.OnError and the plugin keeps trying.
func New(config Config) (*Plugin, error) {
	if config.Skipper == nil {
		config.Skipper = middleware.DefaultSkipper
	}
	server, err := web.Start(config.server(), config.engine())
	if err != nil {
		return nil, err
	}
	return &Plugin{config, server.Engine(), server}, nil
}

// Send sends an event outside a request, such as from a cron job or a queue
// worker. It returns when the log has accepted the event. It returns the same
// errors as [Outbox].Send, or the error of ctx if ctx ends first; the event may
// then still be published. If ctx had ended before the call, nothing is sent.
//
// If the log is in a SQLite file, do not call Send, Flush or [Watches].Add while the
// same code has an open transaction that has written to the file: the log would
// wait for its end. SendTx is for that.
func (p *Plugin) Send(ctx context.Context, t Target, e Event) error {
	return p.engine.Send(ctx, t, e)
}

// SendTx writes an event into a transaction of the application, outside a
// request, such as in a queue worker. The event leaves within a second after the
// transaction has been committed, even if the process dies before; if the
// transaction is rolled back, it never leaves. SendTx returns [ErrNoTx], the same
// errors as Send except for [ErrQueueFull], or the error of the transaction. It
// does not look at Event.Key.
func (p *Plugin) SendTx(ctx context.Context, tx Tx, t Target, e Event) error {
	return p.engine.SendTx(ctx, tx, t, e)
}

// Render renders a fragment and sends it, outside a request, such as in a cron job. It
// returns the same errors as [Outbox].Render and [Plugin.Send]. The component gets ctx,
// without the values if it is that of a request.
func (p *Plugin) Render(ctx context.Context, t Target, f Fragment) error {
	return p.engine.Render(ctx, t, f)
}

// Outbox returns this plugin's outbox of the request that ctx belongs to, or
// nil. An application with a single plugin needs only [From].
func (p *Plugin) Outbox(ctx context.Context) *Outbox { return p.engine.Outbox(ctx) }

// Push returns what withdraws notifications.
func (p *Plugin) Push() Pushes { return p.engine.Pushes() }

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
//
// Disconnect returns when every node that runs has closed the connections, with the same
// errors as [Plugin.DisconnectSession].
func (p *Plugin) Disconnect(user string) error { return p.engine.Disconnect(user) }

// DisconnectSession closes the connections of one session on all nodes with 4401: those
// whose login Config.Session returned with this ID. Their pages do not reconnect by
// themselves. The plugin keeps and publishes only a hash of the id. With Config.User no
// connection has a session, and DisconnectSession closes none.
//
// A page that is connecting at that moment is closed, nothing is replayed to the session,
// and its grants do not open for another one. For a minute, requests of the session get 401
// on all nodes. The application's own authentication has to refuse the session from now on,
// so end it there before you call DisconnectSession.
//
// DisconnectSession returns nil once every node that runs has closed the connections.
// Otherwise it returns an error: after five seconds one with the nodes that have not
// reported it, and [ErrQueueFull] or [ErrClosed] if the log could not be reached, or the
// plugin was shut down meanwhile. This node
// has closed its connections in any case, and the others will if the log still reaches
// them. It is an error if id is empty. Do not call it from Config.OnError, which must not
// block.
func (p *Plugin) DisconnectSession(id string) error { return p.engine.DisconnectSession(id) }

// Stats returns the counters of this node. It is cheap enough for a metrics
// endpoint.
func (p *Plugin) Stats() Stats { return p.engine.Stats() }

// Shutdown ends the plugin. It refuses new sessions, and new events with
// ErrClosed. It publishes the events of requests that succeed, sends every
// session what waits for it, closes the sessions with 1012 so that pages
// reconnect, and waits for every goroutine. With Config.Drain, it first closes
// the sessions one after another, and refuses events only afterwards. Call it
// after the server's own Shutdown. If the log does not take the last events in
// time, Shutdown closes the sessions two seconds before ctx ends. If ctx ends
// first, it cuts off the rest and returns an error. If events are among the rest,
// it writes no state file, so that pages get a gap. A second call waits for the
// first and returns the same result.
func (p *Plugin) Shutdown(ctx context.Context) error { return p.engine.Shutdown(ctx) }
