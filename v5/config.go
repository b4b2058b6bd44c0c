package pull

import (
	"context"
	"log/slog"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/web"
)

// Config configures a [Plugin]. One of User and Session is required;
// every other field is optional, and its zero value selects the default. New returns an error for a negative number, except
// where the field allows one. The largest number means no bound, and the
// longest duration means no end. The plugin may call the functions
// concurrently.
type Config struct {
	// User returns the id of the user of a request, from what the application's
	// own authentication stored in it. "" is a guest. An error refuses the
	// request: with its own status if it has one (see echo.StatusCode), otherwise
	// with 401. An id has at most 255 bytes, in UTF-8 and without control
	// characters. Any other id is reported and refused with 401.
	//
	// User is called at most once for a request, when the user is first needed.
	// Everything that belongs to the request uses the result. User may use the
	// request's outbox, except for [Outbox].Watch, which needs the user.
	User func(*echo.Context) (id string, err error)

	// Session returns the login of a request: its user, under the rules of User, which
	// Session replaces, and when it ends. A connection then lives no longer than its
	// login: before Until, the page sends a request through the application's own
	// middleware, and the connection goes on if Session returns the same user with a
	// later Until. Otherwise it is closed with 4401, and the page does not reconnect by
	// itself. [Plugin.DisconnectSession] ends the connections of one session.
	//
	// Session is called at most once for a request, as User is. Default: User
	// determines who connects, and connections outlive the login.
	Session func(*echo.Context) (Session, error)

	// Guests lets guests connect. They receive shared events, and those of tags that
	// a grant in their page permits, see [Plugin.Grant]; nothing else.
	// Default: guests get 401.
	Guests bool

	// Platform returns which hooks the page of a request runs. Default Desktop.
	Platform func(*echo.Context) Platform

	// Commit reports whether a request's events are published, given the error
	// that the handler returned. Default: they are published if the error is
	// nil and the response, if one was committed, has a status below 400.
	Commit func(c *echo.Context, err error) bool

	// Skipper reports whether a request gets no outbox. Default: every request
	// gets one.
	Skipper middleware.Skipper

	// Nonce returns the nonce of the page's Content Security Policy. Head puts
	// it on the script tag. Default: no nonce.
	Nonce func(*echo.Context) string

	// HTML makes Head load pull-html.mjs as well, which applies fragments of HTML
	// to the page and defines the element <pull-watch>. Pages then connect even if
	// no registered module uses their section. Default false.
	HTML bool

	// InspectParams lets [Plugin.Inspector] show the params of events, except for those
	// that are secret. Default false: it shows what was sent to whom, and nothing of the
	// content.
	InspectParams bool

	// DOMEvents is how often pull.js dispatches DOM events of one name: of those
	// that come within this time, only the first and the last are dispatched. If
	// it is negative, none are. Default 100 ms; at most 24 days.
	DOMEvents time.Duration

	// Shared makes the pages that Head connects share one connection for all tabs of a
	// user in a browser. A worker of the browser holds it, and each tab still receives
	// exactly what it has missed. A page that cannot share has a connection of its own,
	// as without Shared: see docs/shared.md. Default false.
	Shared bool

	// Broker is the ordered log. Default: [Memory], for one node.
	Broker Broker

	// TxOutbox is where SendTx writes events, in the application's database.
	// Default: Broker, if it keeps a transactional outbox as pgbroker and
	// sqlitebroker do; then each event enters the log exactly once. With a
	// TxOutbox beside another Broker, an event may enter the log twice after a
	// crash, and nodes drop the second copy as long as they remember the first,
	// for at least WindowAge.
	TxOutbox TxOutbox

	// StateFile is the file that keeps the window of a single node over a
	// planned restart: Shutdown writes it, New reads and removes it. If its
	// contents cannot be used, New reports that and pages get a gap. A file
	// that is not a state file is kept as <file>.unused. New returns an error
	// for a place that cannot be used. StateFile requires the default Broker
	// and a local disk. Default: nothing is kept.
	//
	// The file belongs to one process at a time. The files <file>.lock and
	// <file>.live beside it enforce this. If two processes overlap, as in a
	// deployment without downtime, each has a log of its own. Pages that move
	// from one to the other are notified of a gap. Neither log is kept while
	// both run. The process that remains starts another log, and its pages are
	// notified of a gap.
	StateFile string

	// WindowAge, WindowCount and WindowBytes bound what a node remembers for
	// pages that reconnect. Defaults 5 minutes, 100,000 messages and 64 MiB.
	// WindowBytes counts all that the node keeps for a message: the message as it
	// is in the log, which the window and the embedded log share, and about 100
	// bytes for its places in both and in the index. The embedded log has room for
	// 1,024 more messages and 16 MiB more, for those in progress. Older messages
	// are dropped within 15 seconds, also when nothing is sent any more. With a
	// Pusher and a StateFile, the embedded log keeps them for WindowAge or
	// WatchTTL, whichever is longer, while notifications wait: the next process
	// reads those from it.
	WindowAge   time.Duration
	WindowCount int
	WindowBytes int

	// EventBytes bounds an encoded event. It is at most 64 MiB, which is all
	// that may wait for the broker; an event of a request has at most 16 MiB.
	// Default 64 KiB.
	EventBytes int

	// QueueBytes bounds the messages that wait for one session; a larger
	// message may wait alone. A session that cannot keep up is cut with 4001;
	// its page reconnects and recovers. Default 1 MiB.
	QueueBytes int

	// MaxSessions bounds the sessions of this node. A page beyond it gets 503.
	// Default 0, no limit.
	MaxSessions int

	// MaxSessionsPerUser bounds the sessions of one user on this node. A page
	// beyond it gets 429. Default 64. It does not apply to guests.
	MaxSessionsPerUser int

	// MaxGuestsPerAddress bounds the guests of one address on this node. The
	// address is what Echo's RealIP returns, and of IPv6 its first 64 bits. A
	// page beyond it gets 429. Behind a proxy, set Echo.IPExtractor; otherwise
	// all guests have the proxy's address. Default 1,000.
	MaxGuestsPerAddress int

	// MaxTagsPerUser and MaxUsersPerTag bound watches. A grant beyond them
	// returns ErrTooManyWatches. Defaults 10,000 and 100,000.
	MaxTagsPerUser int
	MaxUsersPerTag int

	// Secret seals the grants of pages, see [Plugin.Grant], and the tickets of those that
	// log in with a token. It has at least 32 bytes, which should be random, and all nodes
	// of an application have the same. With
	// another secret, every grant that a page has is refused as forged, and such a
	// page has to be loaded again. Default with the embedded log: a random one, which
	// lives as long as the process, or with a StateFile, as long as its state is kept.
	// Default with any other Broker: none. Grant returns ErrNoSecret, and requests for
	// tickets get 501.
	Secret []byte

	// GrantTTL is how long a grant is valid, rounded down to a second, after it was
	// made or renewed. At least one second. A page that is connected has its grants
	// renewed. Default 24 hours.
	GrantTTL time.Duration

	// Compress makes WebSockets negotiate compression (permessage-deflate, RFC
	// 7692). A message of 1 KiB or more that goes to at least one page that has
	// negotiated it is compressed once per node, whatever the number of pages.
	// HTML fragments shrink to a quarter or less. Compressing 20 KB takes about
	// 0.1 ms of processor time, which is less than it saves if the message goes to
	// twenty pages or more. A node needs 650 KB for it, an idle connection nothing.
	// Smaller messages, streams of Server-Sent Events, responses to one page and
	// replays are never compressed.
	//
	// Set Event.Secret for events with secrets: the size of compressed text
	// reveals something about it. Default false.
	Compress bool

	// AllowedOrigins lists other sites that may connect, as
	// scheme://host[:port]. https://*.shop.example matches every host below
	// shop.example, at any depth. New returns an error for an origin that no
	// browser would send. Default: the same origin only.
	AllowedOrigins []string

	// Hosts lists the hosts by which browsers know the application, as host or
	// host:port. A host without a port matches any port. Requests with any
	// other Host get 403. Without Hosts, every Host counts as the application's
	// own. That is right if a proxy or a certificate checks the host. Set Hosts
	// on a server without either, such as one on localhost or in a private
	// network: another site can point its own name there, and its pages would
	// then be of the same origin. New returns an error for an invalid host.
	// Default: any.
	Hosts []string

	// PublicPath is where browsers find the mounted group if a proxy rewrites
	// paths or serves the group on another host. It is a path that begins with
	// a slash, or a URL. It may contain parameters of the page's route, like
	// the prefix of a group: /:tenant/pull. Default: the group's prefix.
	PublicPath string

	// Tick is the interval at which a session gets a ping and its position. A
	// WebSocket session that responds to no ping for 2 × Tick + 10 s is dropped. At
	// least 25 ms. Default 25 seconds.
	Tick time.Duration

	// WatchTTL is how long a watch lives after its last extension. At least 25 ms.
	// Default 32 minutes.
	WatchTTL time.Duration

	// PresenceGrace is how long a user stays online after the last session has
	// closed. Default 15 seconds; a negative value means none.
	PresenceGrace time.Duration

	// Online sets which users receive one another's presence. Default
	// OnlineNobody.
	Online OnlineScope

	// OnOnline is called when a user comes online on any node. OnOffline is
	// called when a user, after the grace, is offline on all of them. They are
	// called once per change, in order, by one node and one call at a time, and
	// they block nothing. If more than 1,000 calls wait, opposite ones for a
	// user cancel out. Shutdown calls neither: pages move to another node,
	// which calls OnOffline for users that do not arrive, or they reconnect to
	// the next process, which calls OnOnline. An application that stores who is
	// online should clear that list when it starts.
	OnOnline, OnOffline func(user string)

	// Pusher sends notifications to users' devices, for events with a Push.
	// Package push has one for browsers. Default: Send returns ErrNoPusher for
	// such events.
	Pusher Pusher

	// PushPatience is how long a notification waits for a user who is online, but
	// looks at no page. If the user looks at a page meanwhile, or reads what the
	// notification is about, it is dropped. Users who are offline are notified at
	// once. Default 15 seconds; a negative value means none.
	PushPatience time.Duration

	// PushAllow reports whether a user may be notified of an event. It is called
	// at the moment of sending, on one node, and again for each retry, so it can
	// look up whether the user has muted the conversation or left the project. The
	// Params of the event are a json.RawMessage. A panic counts as false and is
	// reported. ctx ends when the plugin shuts down. Default: every user may.
	PushAllow func(ctx context.Context, user string, e Event) bool

	// Drain is over how much time Shutdown closes the sessions, evenly, so that their
	// pages return to other nodes one after another. Meanwhile the node accepts no
	// further sessions, but sends, receives and delivers events as before. Give the
	// context of Shutdown ten seconds more than that: a drain leaves the rest of the
	// shutdown ten seconds of it, or half of the time if that is less. Streams over
	// HTTP/2 are closed earlier, by the server's own shutdown. With a single node
	// leave it 0: pages that are closed early would have to wait for the next process.
	// Default 0: all are closed at once, and their pages return within five seconds.
	Drain time.Duration

	// OnError receives errors that no call can return: the broker failed, the
	// log broke, a state file is damaged. It receives only the first error of an
	// outage of the broker; Logger gets the end. It must not block. Default: it
	// logs the error to Logger, at level Error, or at Warn if it is about how the
	// application is set up.
	OnError func(error)

	// Logger is for everything else that an operator should know, such as starts, outages
	// and refusals; docs/production.md lists all messages. What is wrong with how the
	// application is set up goes to both. Default slog.Default().
	Logger *slog.Logger

	// Trace follows events from requests to the nodes that deliver them. Package
	// [github.com/echo-pull/pull/pullotel] has a [Tracer] for OpenTelemetry. Nodes of
	// versions without this field drop events that have a trace, so update all nodes
	// before you set it. Default: nothing is traced.
	Trace Tracer
}

func (c *Config) engine() engine.Config {
	return engine.Config{
		User: c.user(), Session: c.session(),
		Broker: c.Broker, TxOutbox: c.TxOutbox, StateFile: c.StateFile,
		WindowAge: c.WindowAge, WindowCount: c.WindowCount, WindowBytes: c.WindowBytes,
		EventBytes: c.EventBytes, QueueBytes: c.QueueBytes,
		MaxTagsPerUser: c.MaxTagsPerUser, MaxUsersPerTag: c.MaxUsersPerTag, Secret: c.Secret, GrantTTL: c.GrantTTL,
		Tick: c.Tick, WatchTTL: c.WatchTTL, PresenceGrace: c.PresenceGrace,
		Online: c.Online, OnOnline: c.OnOnline, OnOffline: c.OnOffline,
		Pusher: c.Pusher, PushPatience: c.PushPatience, PushAllow: c.PushAllow,
		Drain:   c.Drain,
		OnError: c.OnError, Logger: c.Logger, Trace: c.Trace,
	}
}

// user returns User for the engine, or nil.
func (c *Config) user() func(request any) (string, error) {
	if c.User == nil {
		return nil
	}
	return func(request any) (string, error) { return c.User(request.(*echo.Context)) } //nolint:forcetypeassert // is nothing else
}

// session returns Session for the engine, or nil.
func (c *Config) session() func(request any) (Session, error) {
	if c.Session == nil {
		return nil
	}
	return func(request any) (Session, error) { return c.Session(request.(*echo.Context)) } //nolint:forcetypeassert // is nothing else
}

func (c *Config) server() web.Config {
	return web.Config{
		Guests: c.Guests, Compress: c.Compress, HTML: c.HTML, InspectParams: c.InspectParams, DOMEvents: c.DOMEvents, Shared: c.Shared, MaxSessions: c.MaxSessions, MaxSessionsPerUser: c.MaxSessionsPerUser, MaxGuestsPerAddress: c.MaxGuestsPerAddress,
		AllowedOrigins: c.AllowedOrigins, Hosts: c.Hosts, PublicPath: c.PublicPath,
	}
}
