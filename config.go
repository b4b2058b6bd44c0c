package pull

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

const (
	defaultWindowAge   = 5 * time.Minute
	defaultWindowCount = 100_000
	defaultWindowBytes = 64 << 20
	defaultEventBytes  = 64 << 10
	defaultQueueBytes  = 1 << 20
	defaultPerUser     = 64
	defaultPerAddress  = 1_000
	defaultTags        = 10_000
	defaultTagUsers    = 100_000
	defaultTick        = 25 * time.Second
	defaultWatchTTL    = 32 * time.Minute
	defaultGrace       = 15 * time.Second
)

// Platform says which hooks a page runs.
type Platform int

const (
	// Desktop pages run onPullEvent, onPullEvent-<module> and onPullOnlineEvent.
	Desktop Platform = iota

	// Mobile pages run onPull, onPull-<module> and onPullOnline.
	Mobile
)

func (p Platform) String() string {
	if p == Mobile {
		return "mobile"
	}
	return "desktop"
}

// Config configures a [Plugin]. Every field but User is optional: the zero
// value is its default. A negative number is an error of New, except where the
// field says otherwise; the largest one means that there is no bound, and the
// longest duration is for ever. Functions may be called concurrently.
type Config struct {
	// User says who is behind a request, from what the application's own
	// authentication has left in it. "" is a guest. An error refuses: an
	// *echo.HTTPError with its own status, any other with 401. An id has at most
	// 255 bytes, in UTF-8 and without control characters; any other is reported
	// and refused with 401.
	//
	// It is called at most once for a request, when the user is needed for the
	// first time: everything that belongs to the request uses what it returned. It
	// may use the request's outbox, but for [Outbox.Watch], which needs the user.
	User func(echo.Context) (id string, err error)

	// Guests lets guests connect. They hear shared events and nothing else.
	// Default: they get 401.
	Guests bool

	// Platform says which hooks the page of a request runs. Default Desktop.
	Platform func(echo.Context) Platform

	// Commit decides whether a request's events leave, given the error that the
	// handler returned. Default: if the error is nil and the response, where one
	// was committed, has a status below 400.
	Commit func(c echo.Context, err error) bool

	// Skipper leaves requests without an outbox. Default: none.
	Skipper middleware.Skipper

	// Nonce is the nonce of the page's Content Security Policy, which Head puts
	// on the script tag. Default: no nonce.
	Nonce func(echo.Context) string

	// Broker is the ordered log. Default: [Memory], for one node.
	Broker Broker

	// StateFile is where a single node keeps its window over a planned restart:
	// Shutdown writes the file, New reads and removes it. Contents that cannot be
	// used are reported and give pages a gap; what is no state file at all is kept
	// as <file>.unused. A place that cannot be used is an error of New. It goes with
	// the default Broker only, on a local disk. Default: nothing is kept.
	//
	// The file belongs to one process at a time, which <file>.lock and <file>.live
	// beside it see to. Where two overlap, as in a deployment without downtime,
	// each has a log of its own: pages that move from one to the other are told
	// of a gap, neither log is kept while both run, and the one that remains
	// begins another, of which its pages are told.
	StateFile string

	// WindowAge, WindowCount and WindowBytes bound what a node remembers for
	// pages that return. Defaults 5 minutes, 100,000 messages and 64 MiB.
	// WindowBytes counts the messages, with the ids and tags that they are for;
	// what keeps them in order takes about 200 bytes more for each. The embedded
	// log has room for 1,024 messages and 16 MiB more, for what is under way.
	WindowAge   time.Duration
	WindowCount int
	WindowBytes int

	// EventBytes bounds an encoded event: by 64 MiB at most, which is all that may
	// wait for the broker; by 16 MiB in a request. Default 64 KiB.
	EventBytes int

	// QueueBytes bounds what may wait for one session, except for a message that
	// waits alone; a session that cannot keep up is cut with 4001, returns and
	// recovers. Default 1 MiB.
	QueueBytes int

	// MaxSessions bounds all sessions of this node: over it a page gets 503.
	// Default 0, no limit.
	MaxSessions int

	// MaxSessionsPerUser bounds one user's on this node: over it a page gets
	// 429. Default 64. Guests are not counted by user.
	MaxSessionsPerUser int

	// MaxGuestsPerAddress bounds guests on this node by the address that Echo's
	// RealIP returns, of IPv6 by the first 64 bits: over it a page gets 429. Behind
	// a proxy set Echo.IPExtractor, else all guests have the proxy's address, or
	// one that they choose. Default 1,000.
	MaxGuestsPerAddress int

	// MaxTagsPerUser and MaxUsersPerTag bound watches: a grant over them is
	// ErrTooManyWatches. Defaults 10,000 and 100,000.
	MaxTagsPerUser int
	MaxUsersPerTag int

	// AllowedOrigins lists other sites that may connect, as scheme://host[:port].
	// https://*.shop.example is every host below shop.example, of any depth. What no
	// browser would send as an Origin is an error of New. Default: the same origin
	// only.
	AllowedOrigins []string

	// Hosts lists the hosts by which browsers know the application, as host or
	// host:port; a host alone is that with any port. Requests with any other Host get
	// 403. Without it every Host is taken for the application's own, which is right
	// where a proxy or a certificate sees to that. A server without either, such as
	// one on localhost or in a private network, needs it: another site can have its
	// own name point there, and its pages would be of the same origin. What is no
	// host is an error of New. Default: any.
	Hosts []string

	// PublicPath is where browsers find the mounted group, if a proxy between them
	// and the application rewrites paths, or serves it on another host: a path that
	// begins with a slash, or a URL. Parameters are those of the page's route, as in
	// the prefix of a group: /:tenant/pull. Default: the group's prefix.
	PublicPath string

	// Tick is how often a session gets a ping and its position. A session that
	// answers no ping for 2 × Tick + 10 s is gone. At least 25 ms. Default 25
	// seconds.
	Tick time.Duration

	// WatchTTL is how long a watch lives after its last extension. At least 25 ms.
	// Default 32 minutes.
	WatchTTL time.Duration

	// PresenceGrace is how long a user stays online after the last session has
	// gone. Default 15 seconds; negative is none.
	PresenceGrace time.Duration

	// Online says who hears that others come and go. Default OnlineNobody.
	Online OnlineScope

	// OnOnline and OnOffline are called when a user comes online on any node
	// and, after the grace, has left all of them: once per change, in order, by
	// one node, one call at a time, and never holding anything up. Where more than
	// 1,000 calls wait, opposite ones for a user cancel out. Shutdown calls neither:
	// pages go to another node, which calls OnOffline for those who do not arrive,
	// or come back to the next process, which calls OnOnline. An application that
	// keeps a list of who is online empties it when it starts.
	OnOnline, OnOffline func(user string)

	// OnError hears what no caller can be told: the broker failed, the log
	// broke, a state file is damaged. It must not block. Default: logs.
	OnError func(error)

	// Logger is for what OnError does not take over. Default slog.Default().
	Logger *slog.Logger
}

// What is longer than a century is for ever, and what is more than unbounded has
// no bound. Both can be added to the time, or to one another, without overflow.
const (
	forever   = 100 * 365 * 24 * time.Hour
	unbounded = math.MaxInt / 4
)

// least is the shortest Tick, of which each slot has a millisecond, and WatchTTL.
// What is shorter is most likely a number without its unit.
const least = tickSlots * time.Millisecond

// withDefaults returns the configuration with every default filled in.
func (c Config) withDefaults() (Config, error) {
	if err := c.check(); err != nil {
		return c, err
	}
	fill(&c.WindowAge, defaultWindowAge)
	fill(&c.WindowCount, defaultWindowCount)
	fill(&c.WindowBytes, defaultWindowBytes)
	fill(&c.EventBytes, defaultEventBytes)
	fill(&c.QueueBytes, defaultQueueBytes)
	fill(&c.MaxSessionsPerUser, defaultPerUser)
	fill(&c.MaxGuestsPerAddress, defaultPerAddress)
	fill(&c.MaxTagsPerUser, defaultTags)
	fill(&c.MaxUsersPerTag, defaultTagUsers)
	fill(&c.Tick, defaultTick)
	fill(&c.WatchTTL, defaultWatchTTL)
	fill(&c.PresenceGrace, defaultGrace)
	c = c.bounded()
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.OnError == nil {
		c.OnError = func(err error) { c.Logger.Error(err.Error()) }
	}
	if c.Skipper == nil {
		c.Skipper = middleware.DefaultSkipper
	}
	return c, nil
}

// bounded makes what is as good as endless small enough to be added to.
func (c Config) bounded() Config {
	for _, d := range []*time.Duration{&c.WindowAge, &c.Tick, &c.WatchTTL, &c.PresenceGrace} {
		*d = min(*d, forever)
	}
	for _, n := range []*int{
		&c.WindowCount, &c.WindowBytes, &c.EventBytes, &c.QueueBytes,
		&c.MaxSessions, &c.MaxSessionsPerUser, &c.MaxGuestsPerAddress, &c.MaxTagsPerUser, &c.MaxUsersPerTag,
	} {
		*n = min(*n, unbounded)
	}
	c.EventBytes = min(c.EventBytes, publisherBytes)
	return c
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c Config) check() error {
	if c.User == nil {
		return errors.New("pull: Config.User is missing")
	}
	if c.StateFile != "" && c.Broker != nil {
		return errors.New("pull: StateFile goes with the default Broker only")
	}
	for name, n := range map[string]int64{
		"WindowAge": int64(c.WindowAge), "WindowCount": int64(c.WindowCount), "WindowBytes": int64(c.WindowBytes),
		"EventBytes": int64(c.EventBytes), "QueueBytes": int64(c.QueueBytes),
		"MaxSessions": int64(c.MaxSessions), "MaxSessionsPerUser": int64(c.MaxSessionsPerUser),
		"MaxGuestsPerAddress": int64(c.MaxGuestsPerAddress), "MaxTagsPerUser": int64(c.MaxTagsPerUser), "MaxUsersPerTag": int64(c.MaxUsersPerTag),
		"Tick": int64(c.Tick), "WatchTTL": int64(c.WatchTTL),
	} {
		if n < 0 {
			return fmt.Errorf("pull: Config.%s is negative", name)
		}
	}
	for name, d := range map[string]time.Duration{"Tick": c.Tick, "WatchTTL": c.WatchTTL} {
		if d != 0 && d < least {
			return fmt.Errorf("pull: Config.%s is %s, the least is %s", name, d, least)
		}
	}
	return c.Online.check()
}

func (c Config) publicLocation() (location, error) {
	if c.PublicPath == "" {
		return location{}, nil
	}
	l, err := publicLocation(c.PublicPath)
	if err != nil {
		return location{}, fmt.Errorf("pull: Config.PublicPath %q: %w", c.PublicPath, err)
	}
	return l, nil
}
