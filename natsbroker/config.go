package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Config configures a [Broker]. Conn or URL is required.
type Config struct {
	// Conn is a connection to NATS. The broker does not close it. Let it
	// reconnect without end: nats.MaxReconnects(-1). Default: a connection of
	// the broker's own to URL, which [Broker.Close] closes.
	Conn *nats.Conn

	// URL is the address of one or several servers, separated by commas:
	// "nats://user:password@a,nats://user:password@b". For credentials of other
	// kinds, set Conn instead.
	URL string

	// Create has the broker create its stream where that is missing. Default:
	// New returns an error that contains the configuration, as JSON for
	// "nats stream add --config". A stream that is there is never changed.
	Create bool

	// Prefix is the name of the stream, and begins the name of its subject. It
	// consists of letters, digits, underscores and hyphens. Default "pull".
	Prefix string

	// Replicas is how many servers of a cluster keep the stream that Create
	// creates: 1, 3 or 5. Default 1.
	Replicas int

	// Memory has Create create a stream in the memory of the server. It is lost
	// when the server ends. Default: in files.
	Memory bool

	// KeepAge is how long a message stays in the stream that Create creates. It
	// must not be shorter than the plugin's WindowAge and WatchTTL, which holds
	// for a stream of your own, too: a node that starts learns from the log who
	// watches what. Default 1 hour.
	KeepAge time.Duration

	// KeepCount is how many messages that stream has at most. A batch counts as
	// one. Default 1,000,000.
	KeepCount int

	// KeepBytes is the size of that stream. Servers may reserve it. Default
	// 256 MiB.
	KeepBytes int64

	// Logger gets what happens beside the broker's calls, such as a message in
	// the stream that the broker has not published. Default slog.Default().
	Logger *slog.Logger
}

// prefixes are what can stand in names of streams and subjects as it is.
var prefixes = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// complete checks the configuration and fills in the defaults.
func (c *Config) complete() error {
	if c.Prefix == "" {
		c.Prefix = "pull"
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.KeepAge == 0 {
		c.KeepAge = time.Hour
	}
	if c.KeepCount == 0 {
		c.KeepCount = 1_000_000
	}
	if c.KeepBytes == 0 {
		c.KeepBytes = 256 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	switch {
	case c.Conn == nil && c.URL == "":
		return errors.New("Config needs Conn or URL")
	case c.Conn != nil && c.URL != "":
		return errors.New("Config has both Conn and URL")
	case !prefixes.MatchString(c.Prefix):
		return fmt.Errorf("Config.Prefix is %q, want letters, digits, underscores and hyphens", c.Prefix)
	case c.Replicas < 0 || c.Replicas > 5 || c.Replicas%2 == 0:
		return fmt.Errorf("Config.Replicas is %d, want 1, 3 or 5", c.Replicas)
	case c.KeepAge < 0 || c.KeepCount < 0 || c.KeepBytes < 0:
		return errors.New("Config.KeepAge, Config.KeepCount and Config.KeepBytes must not be negative")
	case c.KeepAge < time.Second:
		return errors.New("Config.KeepAge is below a second")
	}
	return nil
}

// New returns the log in a JetStream stream. It returns an error if the server
// cannot be reached, if the stream is missing and Config.Create is false, or if
// it is there with settings that would make the log unreliable.
func New(config Config) (*Broker, error) {
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("natsbroker: %w", err)
	}
	b := &Broker{config: config, conn: config.Conn, subject: config.Prefix + ".log"}
	if b.conn == nil {
		if err := b.connect(); err != nil {
			return nil, fmt.Errorf("natsbroker: connect: %w", err)
		}
	}
	var err error
	if b.js, err = jetstream.New(b.conn); err == nil {
		ctx, cancel := context.WithTimeoutCause(context.Background(), startPatience, errNoAnswer)
		defer cancel()
		_, err = b.prepare(ctx)
	}
	if err == nil {
		b.turns, err = b.conn.Subscribe(b.turnSubject(), func(*nats.Msg) { b.crowd.note() })
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("natsbroker: %w", err), b.Close())
	}
	return b, nil
}

// connect opens a connection that lasts until Close.
func (b *Broker) connect() (err error) {
	const pause = 100 * time.Millisecond
	b.conn, err = nats.Connect(b.config.URL,
		nats.Name("pull"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(pause),
		nats.ReconnectJitter(pause, pause),
		nats.IgnoreAuthErrorAbort(),
		nats.PingInterval(time.Second),
		nats.MaxPingsOutstanding(3),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // the calls that fail return it
	)
	b.own = err == nil
	return err
}
