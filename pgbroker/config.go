package pgbroker

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// A Config configures a [Broker]. DB or URL is required.
type Config struct {
	// DB is the database, through any driver. The broker does not close it. It
	// needs up to three connections at a time. Default: a pool of the broker's
	// own, of four connections to URL, which [Broker.Close] closes.
	DB *sql.DB

	// URL is where the broker listens for the other nodes' notifications, in a
	// form that pgx takes: "postgres://user:password@host/db". It must lead to
	// the server itself: LISTEN does not work through a pooler such as
	// PgBouncer or RDS Proxy. Set it on all nodes or on none. Default: the
	// nodes poll, ten times a second.
	URL string

	// Create has the broker create its tables and functions where they are
	// missing. Default: New returns an error that contains the SQL, for your
	// migrations. [Schema] returns it, too.
	Create bool

	// Prefix begins the names of tables and functions. It may begin with a
	// schema, as in "events.pull_". It consists of lower-case letters, digits
	// and underscores. Default "pull_".
	Prefix string

	// KeepAge is how long a message stays in the log. It must not be shorter
	// than the plugin's WindowAge and WatchTTL: a node that starts learns from
	// the log who watches what. Default 1 hour.
	KeepAge time.Duration

	// KeepCount is how many messages stay in the log at most. Default 1,000,000.
	KeepCount int

	// Logger gets what happens beside the broker's calls: that notifications do
	// not arrive, or that old messages cannot be deleted. Default
	// slog.Default().
	Logger *slog.Logger
}

// prefixes are what can stand in SQL as it is, and leaves room for names of
// functions and channels below 63 bytes.
var prefixes = regexp.MustCompile(`^([a-z_][a-z0-9_]{0,39}\.)?[a-z_][a-z0-9_]{0,39}$`)

// complete checks the configuration and fills in the defaults. It returns how to
// listen, or nil.
func (c *Config) complete() (*pgx.ConnConfig, error) {
	if c.Prefix == "" {
		c.Prefix = "pull_"
	}
	if c.KeepAge == 0 {
		c.KeepAge = time.Hour
	}
	if c.KeepCount == 0 {
		c.KeepCount = 1_000_000
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	switch {
	case c.DB == nil && c.URL == "":
		return nil, errors.New("Config needs DB or URL")
	case !prefixes.MatchString(c.Prefix):
		return nil, fmt.Errorf("Config.Prefix is %q, want lower-case letters, digits and underscores", c.Prefix)
	case c.KeepAge < 0 || c.KeepCount < 0:
		return nil, errors.New("Config.KeepAge and Config.KeepCount must not be negative")
	case c.DB != nil && c.DB.Stats().MaxOpenConnections == 1:
		return nil, errors.New("Config.DB has a pool of one connection: raise SetMaxOpenConns")
	case c.URL == "":
		return nil, nil
	}
	listen, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("Config.URL: %w", err)
	}
	if _, named := listen.RuntimeParams["application_name"]; !named {
		listen.RuntimeParams["application_name"] = "pull"
	}
	listen.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	return listen, nil
}

// New returns the log in a PostgreSQL database. It returns an error if the
// database cannot be reached, if tables are missing and Config.Create is false,
// or if tables are there with settings that would make the log unreliable.
func New(config Config) (*Broker, error) {
	listen, err := config.complete()
	if err != nil {
		return nil, fmt.Errorf("pgbroker: %w", err)
	}
	b := &Broker{config: config, db: config.DB, id: newID(), listen: listen, wakes: make(map[chan struct{}]struct{})}
	if b.db == nil {
		pool := listen.Copy()
		pool.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
		b.db = stdlib.OpenDB(*pool)
		b.db.SetMaxOpenConns(4)
		b.db.SetMaxIdleConns(4)
		b.own = true
	}
	b.sql = statements(config.Prefix)
	_, err = within(context.Background(), 2*patience, func(ctx context.Context, _ func(time.Duration)) (struct{}, error) {
		if err := b.prepare(ctx); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, b.learn(ctx)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pgbroker: %w", err), b.Close())
	}
	return b, nil
}
