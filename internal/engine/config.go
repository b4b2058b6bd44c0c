package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/grant"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/internal/oplog"
	"github.com/echo-pull/pull/internal/publish"
	"github.com/echo-pull/pull/internal/session"
)

const (
	defaultWindowAge  = 5 * time.Minute
	defaultEventBytes = 64 << 10
	defaultQueueBytes = 1 << 20
	defaultTags       = 10_000
	defaultTagUsers   = 100_000
	defaultTick       = 25 * time.Second
	defaultWatchTTL   = 32 * time.Minute
	defaultGrace      = 15 * time.Second
	defaultPatience   = 15 * time.Second
	defaultGrantTTL   = 24 * time.Hour
)

// A Config configures an Engine. Its fields have the meaning of the fields of the
// plugin's Config with the same names.
type Config struct {
	// User or Session calls the plugin's Config.User or Config.Session with the
	// framework's own context of a request. The other one is nil.
	User    func(request any) (string, error)
	Session func(request any) (session.Session, error)

	Broker    broker.Broker
	TxOutbox  broker.TxOutbox
	StateFile string

	WindowAge   time.Duration
	WindowCount int
	WindowBytes int
	EventBytes  int
	QueueBytes  int

	MaxTagsPerUser int
	MaxUsersPerTag int

	Secret   []byte
	GrantTTL time.Duration

	Tick                time.Duration
	WatchTTL            time.Duration
	PresenceGrace       time.Duration
	Online              hub.OnlineScope
	OnOnline, OnOffline func(user string)

	Pusher       notification.Pusher
	PushPatience time.Duration
	PushAllow    func(ctx context.Context, user string, e event.Event) bool

	Drain time.Duration

	OnError func(error)
	Logger  *slog.Logger
	Trace   Tracer

	logsErrors bool // OnError only logs
}

// A duration longer than forever means no end, and a number larger than
// unbounded means no bound. Both can be added to the time, or to one another,
// without overflow.
const (
	forever   = 100 * 365 * 24 * time.Hour
	unbounded = math.MaxInt / 4
)

// shortest is the smallest valid Tick and WatchTTL. Each slot of a tick needs a
// millisecond. A shorter value is most likely a number without its unit.
const shortest = hub.TickSlots * time.Millisecond

// withDefaults returns the configuration with every default filled in.
func (c Config) withDefaults() (Config, error) {
	if err := c.check(); err != nil {
		return c, err
	}
	fill(&c.WindowAge, defaultWindowAge)
	fill(&c.WindowCount, broker.DefaultCount)
	fill(&c.WindowBytes, broker.DefaultBytes)
	fill(&c.EventBytes, defaultEventBytes)
	fill(&c.QueueBytes, defaultQueueBytes)
	fill(&c.MaxTagsPerUser, defaultTags)
	fill(&c.MaxUsersPerTag, defaultTagUsers)
	fill(&c.Tick, defaultTick)
	fill(&c.WatchTTL, defaultWatchTTL)
	fill(&c.PresenceGrace, defaultGrace)
	fill(&c.PushPatience, defaultPatience)
	fill(&c.GrantTTL, defaultGrantTTL)
	c.PushPatience = max(0, c.PushPatience)
	c = c.bounded()
	c.Logger = c.ActualLogger()
	if c.OnError == nil {
		c.logsErrors = true
		c.OnError = func(err error) { oplog.Error(c.Logger, err) }
	}
	return c, nil
}

// ActualLogger returns the logger, or the default one.
func (c Config) ActualLogger() *slog.Logger {
	if c.Logger == nil {
		return slog.Default()
	}
	return c.Logger
}

// bounded returns the configuration with no value above forever or unbounded.
func (c Config) bounded() Config {
	for _, d := range []*time.Duration{&c.WindowAge, &c.Tick, &c.WatchTTL, &c.PresenceGrace, &c.PushPatience, &c.GrantTTL, &c.Drain} {
		*d = min(*d, forever)
	}
	for _, n := range []*int{
		&c.WindowCount, &c.WindowBytes, &c.EventBytes, &c.QueueBytes,
		&c.MaxTagsPerUser, &c.MaxUsersPerTag,
	} {
		*n = min(*n, unbounded)
	}
	c.EventBytes = min(c.EventBytes, publish.MaxBytes)
	return c
}

// fill sets the field to the value if it is zero.
func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// check returns an error for an invalid configuration.
func (c Config) check() error {
	if (c.User == nil) == (c.Session == nil) {
		return errors.New("pull: Config needs either User or Session")
	}
	if c.StateFile != "" && c.Broker != nil {
		return errors.New("pull: StateFile goes with the default Broker only")
	}
	for name, n := range map[string]int64{
		"WindowAge": int64(c.WindowAge), "WindowCount": int64(c.WindowCount), "WindowBytes": int64(c.WindowBytes),
		"EventBytes": int64(c.EventBytes), "QueueBytes": int64(c.QueueBytes),
		"MaxTagsPerUser": int64(c.MaxTagsPerUser), "MaxUsersPerTag": int64(c.MaxUsersPerTag),
		"Tick": int64(c.Tick), "WatchTTL": int64(c.WatchTTL), "GrantTTL": int64(c.GrantTTL),
		"Drain": int64(c.Drain),
	} {
		if n < 0 {
			return fmt.Errorf("pull: Config.%s is negative", name)
		}
	}
	for name, d := range map[string]time.Duration{"Tick": c.Tick, "WatchTTL": c.WatchTTL} {
		if d != 0 && d < shortest {
			return fmt.Errorf("pull: Config.%s is %s, the least is %s", name, d, shortest)
		}
	}
	return errors.Join(c.checkGrants(), hub.CheckScope(c.Online))
}

// checkGrants returns an error if no grants can be made.
func (c Config) checkGrants() error {
	if c.GrantTTL != 0 && c.GrantTTL < time.Second {
		return fmt.Errorf("pull: Config.GrantTTL is %s, the least is 1s", c.GrantTTL)
	}
	if n := len(c.Secret); n > 0 && n < grant.MinSecret {
		return fmt.Errorf("pull: Config.Secret has %d bytes, the least is %d", n, grant.MinSecret)
	}
	return nil
}
