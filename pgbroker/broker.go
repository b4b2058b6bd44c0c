package pgbroker

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience is how long the server may take to answer. With a second between two
// reads, a server that is dead is noticed within five.
const patience = 3500 * time.Millisecond

// A Broker is the ordered log in a database. It implements pull.Broker. It is
// safe for concurrent use.
type Broker struct {
	config    Config
	db        *sql.DB
	own       bool   // the broker has opened db
	id        string // what this broker's notifications carry
	listen    *pgx.ConnConfig
	sql       texts
	isolation bool // transactions are not READ COMMITTED by default

	publisher publisher
	horizon   horizon // of the outbox
	notifier  notifier

	mu    sync.Mutex                 // guards what follows
	known position                   // the newest message that this node knows to be in the log
	wakes map[chan struct{}]struct{} // the subscriptions
}

// A position is a message in the log: the offset, and what tells the message
// from another one at this offset.
type position struct {
	epoch  string
	offset int64
	mark   int64
}

// Close closes the pool that New has opened for Config.URL; a Config.DB stays
// open. Call it when nobody uses the broker any more, such as after the plugin's
// Shutdown.
func (b *Broker) Close() error {
	if !b.own {
		return nil
	}
	if err := b.db.Close(); err != nil {
		return fmt.Errorf("pgbroker: %w", err)
	}
	return nil
}

// learn finds out how transactions begin, and where the outbox is.
func (b *Broker) learn(ctx context.Context) error {
	var isolation, fsync, outbox string
	const query = `SELECT current_setting('default_transaction_isolation'), current_setting('fsync')`
	if err := b.db.QueryRowContext(ctx, query).Scan(&isolation, &fsync); err != nil {
		return err
	}
	if err := b.db.QueryRowContext(ctx, b.sql.outbox).Scan(&outbox); err != nil {
		return err
	}
	b.sql.insertInto(outbox)
	b.isolation = isolation != "read committed"
	if fsync == "off" {
		b.config.Logger.Warn("pgbroker: the server's setting fsync is off: a crash of its machine can damage the log")
	}
	return nil
}

// newest returns the newest message that this node knows of.
func (b *Broker) newest() position {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.known
}

// knows notes that the log holds a message.
func (b *Broker) knows(p position) {
	b.mu.Lock()
	defer b.mu.Unlock()

	if p.epoch != b.known.epoch || p.offset > b.known.offset {
		b.known = p
	}
}

// wake has the subscriptions of this broker read.
func (b *Broker) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()

	for wake := range b.wakes {
		signal(wake)
	}
}

func (b *Broker) join() chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()

	wake := make(chan struct{}, 1)
	b.wakes[wake] = struct{}{}
	return wake
}

func (b *Broker) leave(wake chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()

	delete(b.wakes, wake)
}

// signal wakes the receiver; it never blocks.
func signal(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
