package sqlitebroker

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"sync"
	"time"
)

// Config configures a Broker. Only DB is required.
type Config struct {
	// DB is the database that holds the log, usually the one that the
	// application has for its own tables. It must be a file on a local disk. The
	// broker never closes it, and takes one of its connections at a time for each
	// publisher and subscriber, never for longer than a short transaction. So one
	// connection is enough (SetMaxOpenConns(1)), and more are faster.
	DB *sql.DB

	// Create makes New create the tables if they are missing, and switch the file
	// to WAL mode. Otherwise New returns an error that shows the SQL.
	Create bool

	// Prefix begins the names of the tables, PREFIXmeta and PREFIXlog. Two logs
	// in one file have different prefixes. It consists of letters, digits and
	// underscores. Default "pull_".
	Prefix string

	// Full makes Publish wait until the messages are on the disk
	// (synchronous=FULL), so that a power failure loses nothing. Default false
	// (synchronous=NORMAL): a killed process loses nothing; a power failure or a
	// crash of the operating system may lose the last messages, and then the
	// epoch changes. The broker sets this for its own transactions only.
	Full bool

	// KeepAge is how long a message stays in the log. It must not be shorter than
	// the plugin's WindowAge and WatchTTL. Default 1 hour.
	KeepAge time.Duration

	// KeepCount is how many messages stay in the log at most. Default 1,000,000.
	// Twice that may be there for a moment.
	KeepCount int

	// Busy is how long Publish waits while another transaction holds the write
	// lock of the file. Then it returns an error, and the caller may publish the
	// same messages again. If the connections of DB have a longer busy_timeout,
	// that is the limit. Default 5 seconds.
	Busy time.Duration

	// Poll is how often a subscriber looks for messages of other processes.
	// Messages of its own process reach it at once. Default 5 milliseconds.
	Poll time.Duration

	// Logger gets what no call returns: the reason why the log has a new epoch,
	// and that old messages could not be deleted. Default slog.Default().
	Logger *slog.Logger
}

// The defaults of Config.
const (
	defaultPrefix    = "pull_"
	defaultKeepAge   = time.Hour
	defaultKeepCount = 1_000_000
	defaultBusy      = 5 * time.Second
	defaultPoll      = 5 * time.Millisecond
)

var errConfig = errors.New("Config is not usable")

// complete returns the configuration with its defaults.
func (c Config) complete() (Config, error) {
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	switch {
	case c.DB == nil:
		return c, fmt.Errorf("%w: DB is missing", errConfig)
	case !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,49}$`).MatchString(c.Prefix):
		return c, fmt.Errorf("%w: Prefix %q does not consist of at most 50 letters, digits and underscores", errConfig, c.Prefix)
	case c.KeepAge < 0, c.KeepCount < 0, c.Busy < 0, c.Poll < 0:
		return c, fmt.Errorf("%w: KeepAge, KeepCount, Busy or Poll is negative", errConfig)
	}
	c.KeepAge = cmp.Or(c.KeepAge, defaultKeepAge)
	c.KeepCount = cmp.Or(c.KeepCount, defaultKeepCount)
	c.Busy = cmp.Or(c.Busy, defaultBusy)
	c.Poll = cmp.Or(c.Poll, defaultPoll)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}

// A Broker is the log of a single node in a SQLite file. Several processes on
// one machine may use the same file. A Broker is safe for concurrent use.
type Broker struct {
	config  Config
	queries queries
	clock   func() time.Time // dates messages and measures windows
	boot    string           // identity of this run of the operating system
	holder  string           // identity of this broker, for the outbox
	path    string           // of the database file
	file    os.FileInfo      // of the same
	witness witness
	looked  time.Time     // when the file was in place; of the goroutine that writes
	wake    chan struct{} // something is in the queue

	trimFailed bool // the last time; of the goroutine that writes

	mu        sync.Mutex // guards what follows
	queue     []*request
	working   bool // the goroutine that writes is running
	trimming  bool // the goroutine shall delete old messages
	unsettled bool // messages may not be on the disk
	unsure    bool // the tables may have changed: verify them before the next use
	published int  // messages since old ones were deleted
	trimmed   time.Time
	followers map[chan struct{}]struct{}
	recent    recent // empty if nobody follows
}

// New returns the broker of a file. The log begins where it ended before, if
// nothing of it is lost.
func New(c Config) (*Broker, error) {
	b, err := open(c, bootID())
	if err != nil {
		return nil, fmt.Errorf("sqlitebroker: %w", err)
	}
	return b, nil
}

func open(c Config, boot string) (*Broker, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	b := &Broker{config: c, clock: time.Now, boot: boot, holder: rand.Text(), wake: make(chan struct{}, 1), followers: make(map[chan struct{}]struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), 2*c.Busy)
	defer cancel()
	for _, step := range []func(context.Context) error{b.locate, b.setUp, b.prepare} {
		if err := b.retry(ctx, func() error { return step(ctx) }); err != nil {
			return nil, err
		}
	}
	return b, b.verifyFirst(ctx)
}

// verifyFirst is verify for a process that begins. If the operating system has no
// identity, every end without notice may have been a power failure.
func (b *Broker) verifyFirst(ctx context.Context) error {
	if b.boot == nobodyKnows {
		b.boot = ""
		defer func() { b.boot = nobodyKnows }()
	}
	return b.verify(ctx, position{})
}

// locate finds the file.
func (b *Broker) locate(ctx context.Context) error {
	row := b.config.DB.QueryRowContext(ctx, `SELECT file FROM pragma_database_list WHERE name = 'main'`)
	if err := row.Scan(&b.path); err != nil {
		return fmt.Errorf("find the database file: %w", err)
	}
	if b.path == "" {
		return fmt.Errorf("%w: DB is in memory, want a file", errConfig)
	}
	var err error
	if b.file, err = os.Stat(b.path); err != nil {
		return fmt.Errorf("find the database file: %w", err)
	}
	b.witness.path, b.witness.mode = b.path+"-"+b.config.Prefix+"witness", b.file.Mode().Perm()
	return nil
}

// inPlace returns an error if the file is no longer the one that was opened. Old
// connections still use that one, new ones use the other.
func (b *Broker) inPlace() error {
	now, err := os.Stat(b.path)
	if err != nil {
		return fmt.Errorf("the database file is gone, restart the application: %w", err)
	}
	if !os.SameFile(now, b.file) {
		return fmt.Errorf("%s was replaced while it was open, restart the application", b.path)
	}
	return nil
}
