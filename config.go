package pull

import (
	"errors"
	"fmt"
	"log/slog"
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
// value is its default. Functions may be called concurrently.
type Config struct {
	// User says who is behind a request, from what the application's own
	// authentication has left in it. "" is a guest. An error refuses: an
	// *echo.HTTPError with its own status, any other with 401. At most 255 bytes.
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
	// Shutdown writes the file, New reads and removes it. A file that cannot be
	// used is reported and gives pages a gap. It goes with the default Broker
	// only. Default: nothing is kept.
	StateFile string

	// WindowAge, WindowCount and WindowBytes bound what a node remembers for
	// pages that return. Defaults 5 minutes, 100,000 messages and 64 MiB.
	WindowAge   time.Duration
	WindowCount int
	WindowBytes int

	// EventBytes bounds an encoded event. Default 64 KiB.
	EventBytes int

	// QueueBytes bounds what may wait for one session; a session that cannot
	// keep up is cut with 4001, returns and recovers. Default 1 MiB.
	QueueBytes int

	// MaxSessions bounds all sessions of this node: over it a page gets 503.
	// Default 0, no limit.
	MaxSessions int

	// MaxSessionsPerUser bounds one user's on this node: over it a page gets
	// 429. Default 64. Guests are not counted by user.
	MaxSessionsPerUser int

	// MaxTagsPerUser and MaxUsersPerTag bound watches: a grant over them is
	// ErrTooManyWatches. Defaults 10,000 and 100,000.
	MaxTagsPerUser int
	MaxUsersPerTag int

	// AllowedOrigins lists other sites that may connect, as scheme://host[:port].
	// https://*.shop.example is every host below shop.example, of any depth. What no
	// browser would send as an Origin is an error of New. Default: the same origin
	// only.
	AllowedOrigins []string

	// PublicPath is where browsers find the mounted group, if a proxy between them
	// and the application rewrites paths, or serves it on another host: a path that
	// begins with a slash, or a URL. Parameters are those of the page's route, as in
	// the prefix of a group: /:tenant/pull. Default: the group's prefix.
	PublicPath string

	// Tick is how often a session gets a ping and its position. A session that
	// answers no ping for 2 × Tick + 10 s is gone. Default 25 seconds.
	Tick time.Duration

	// WatchTTL is how long a watch lives after its last extension. Default 32 minutes.
	WatchTTL time.Duration

	// PresenceGrace is how long a user stays online after the last session has
	// gone. Default 15 seconds; negative is none.
	PresenceGrace time.Duration

	// Online says who hears that others come and go. Default OnlineNobody.
	Online OnlineScope

	// OnOnline and OnOffline are called when a user comes online on any node
	// and, after the grace, has left all of them: once per change, in order, by
	// one node, one call at a time, and never holding anything up.
	OnOnline, OnOffline func(user string)

	// OnError hears what no caller can be told: the broker failed, the log
	// broke, a state file is damaged. It must not block. Default: logs.
	OnError func(error)

	// Logger is for what OnError does not take over. Default slog.Default().
	Logger *slog.Logger
}

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
	fill(&c.MaxTagsPerUser, defaultTags)
	fill(&c.MaxUsersPerTag, defaultTagUsers)
	fill(&c.Tick, defaultTick)
	fill(&c.WatchTTL, defaultWatchTTL)
	fill(&c.PresenceGrace, defaultGrace)
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
		"MaxTagsPerUser": int64(c.MaxTagsPerUser), "MaxUsersPerTag": int64(c.MaxUsersPerTag),
		"Tick": int64(c.Tick), "WatchTTL": int64(c.WatchTTL),
	} {
		if n < 0 {
			return fmt.Errorf("pull: Config.%s is negative", name)
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
