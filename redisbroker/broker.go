package redisbroker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// patience is how long the server may take to answer. With a second between two
// looks at the log, a server that is dead is noticed within five.
const patience = 3 * time.Second

// A Broker is the ordered log in a Redis server. It implements pull.Broker. It is
// safe for concurrent use.
type Broker struct {
	config    Config
	client    redis.UniversalClient
	own       bool // the broker has made the client
	scripts   scripts
	node      string // names this broker in the hash
	log, meta string // the keys

	publisher publisher
	outage    outage

	mu            sync.Mutex // guards what follows
	run           string     // of the server, when this node has last confirmed the log; "" if it has not
	epoch         string     // of the log then
	known         position   // the newest message that this node knows to be in the log
	subscriptions int
}

// Close closes the client that New has made for Config.URL; a Config.Client stays
// open. Call it when nobody uses the broker any more, such as after the plugin's
// Shutdown: the node then leaves the log in order, and a restart of the server
// does not have to wait for it.
func (b *Broker) Close() error {
	b.signOff()
	if !b.own {
		return nil
	}
	if err := b.client.Close(); err != nil {
		return fmt.Errorf("redisbroker: %w", err)
	}
	return nil
}

// confirmed returns when this node has last confirmed the log, and its newest
// message.
func (b *Broker) confirmed() (run, epoch string, known position) {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.run, b.epoch, b.known
}

// confirms notes that the log was confirmed.
func (b *Broker) confirms(run, epoch string) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.run, b.epoch = run, epoch
}

// knows notes that the log holds a message.
func (b *Broker) knows(p position) {
	b.mu.Lock()
	defer b.mu.Unlock()

	if p.epoch == b.epoch && (p.epoch != b.known.epoch || p.id.offset > b.known.id.offset) {
		b.known = p
	}
}

// joins counts a subscription.
func (b *Broker) joins() {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.subscriptions++
}

// leaves ends a subscription. The last one signs the node off.
func (b *Broker) leaves() {
	b.mu.Lock()
	b.subscriptions--
	last := b.subscriptions == 0
	b.mu.Unlock()

	if last && !b.outage.lasts() {
		b.signOff()
	}
}

// signOff notes in the log that this node has ended, so that nobody waits for
// what it knows. If it publishes again, it is back.
func (b *Broker) signOff() {
	b.mu.Lock()
	run := b.run
	b.run = ""
	b.mu.Unlock()

	if run == "" {
		return
	}
	const limit = 500 * time.Millisecond
	_, _ = within(context.Background(), limit, func(ctx context.Context) (int64, error) {
		return b.client.HDel(ctx, b.meta, "node:"+b.node).Result()
	}) // else the others wait for it after a restart of the server
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
