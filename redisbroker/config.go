package redisbroker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/redis/go-redis/v9"
)

// A Config configures a [Broker]. Client or URL is required, and not both.
type Config struct {
	// Client is the application's client: of a server, of Sentinel, or of a
	// cluster. The broker does not close it. It needs up to three connections of
	// the pool at a time, one of them for as long as it waits for messages.
	Client redis.UniversalClient

	// URL is the address of a server, for a client of the broker's own:
	// "redis://user:password@host:6379/0", "rediss://…" with TLS, or
	// "unix:///run/redis/redis.sock?db=0". [Broker.Close] closes the client.
	URL string

	// Prefix begins the names of the two keys, {PREFIX}:log and {PREFIX}:meta.
	// It consists of letters, digits and the characters _ . : - Default "pull".
	Prefix string

	// KeepAge is how long a message stays in the log. It must not be shorter
	// than the plugin's WindowAge and WatchTTL: a node that starts learns from
	// the log who watches what. Default 1 hour.
	KeepAge time.Duration

	// KeepCount is how many messages stay in the log at most. The server trims
	// once a second, so there may be more for a moment. They take the server's
	// memory, about 400 bytes for an event of 300. Default 250,000.
	KeepCount int

	// Logger gets what happens beside the broker's calls: that the log has a new
	// epoch and why, and settings of the server that endanger it. Default
	// slog.Default().
	Logger *slog.Logger
}

var prefixes = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,100}$`)

// complete checks the configuration and fills in the defaults.
func (c *Config) complete() error {
	if c.Prefix == "" {
		c.Prefix = "pull"
	}
	if c.KeepAge == 0 {
		c.KeepAge = time.Hour
	}
	if c.KeepCount == 0 {
		c.KeepCount = 250_000
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	switch {
	case (c.Client == nil) == (c.URL == ""):
		return errors.New("Config needs either Client or URL")
	case !prefixes.MatchString(c.Prefix):
		return fmt.Errorf("Config.Prefix is %q, want up to 100 letters, digits and the characters _ . : -", c.Prefix)
	case c.KeepAge < 0 || c.KeepCount < 0:
		return errors.New("Config.KeepAge and Config.KeepCount must not be negative")
	}
	return nil
}

// New returns the log in a Redis server. It returns an error if the server cannot
// be reached or is too old, or if the keys hold something else or have settings
// that would make the log unreliable. The keys need not exist.
func New(config Config) (*Broker, error) {
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("redisbroker: %w", err)
	}
	b := &Broker{
		config: config, client: config.Client, scripts: newScripts(), node: randomHex(8),
		log: "{" + config.Prefix + "}:log", meta: "{" + config.Prefix + "}:meta",
	}
	if b.client == nil {
		options, err := redis.ParseURL(config.URL)
		if err != nil {
			return nil, fmt.Errorf("redisbroker: Config.URL: %w", err)
		}
		b.client, b.own = ownClient(options), true
	}
	_, err := within(context.Background(), 2*patience, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, b.inspect(ctx)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("redisbroker: %w", err), b.Close())
	}
	return b, nil
}

// ownClient returns a client that gives up early, because the broker tries again.
func ownClient(options *redis.Options) *redis.Client {
	options.MaxRetries = -1
	options.DialTimeout = patience
	options.DialerRetries = 1
	options.ContextTimeoutEnabled = true
	if options.PoolSize == 0 {
		options.PoolSize = 64 // connections are opened when they are needed
	}
	return redis.NewClient(options)
}
