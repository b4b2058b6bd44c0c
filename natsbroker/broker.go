package natsbroker

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// patience is how long the server may take to answer. With a second between
	// two looks at the stream, a server that is dead is noticed within five.
	patience = 2500 * time.Millisecond

	// startPatience is patience where a cluster may be electing a leader.
	startPatience = 15 * time.Second
)

var (
	errNoAnswer = errors.New("the server does not answer")
	errClosed   = errors.New("the connection is closed")
)

// A Broker is the ordered log in a stream. It implements pull.Broker. It is safe
// for concurrent use.
type Broker struct {
	config  Config
	conn    *nats.Conn
	own     bool // the broker has opened conn
	js      jetstream.JetStream
	subject string
	existed atomic.Bool  // the stream, once
	maxSize atomic.Int32 // the stream's max_msg_size

	publisher publisher
	outage    outage
	crowd     crowd
	turns     *nats.Subscription // to the other nodes' wishes for a turn

	mu    sync.Mutex // guards known
	known position   // the newest frame that this node knows to be in the stream
}

// A position is a frame in the stream, and with it a place in the log.
type position struct {
	created    int64  // when the stream was created, in nanoseconds
	seq        uint64 // in the stream, 0: none
	generation uint64
	id         uint64
	next       uint64 // offset of the message after it
}

// Close closes the connection that New has opened for Config.URL; a Config.Conn
// stays open. Call it when nobody uses the broker any more, such as after the
// plugin's Shutdown.
func (b *Broker) Close() error {
	if b.turns != nil {
		_ = b.turns.Unsubscribe()
	}
	if b.own {
		b.conn.Close()
	}
	return nil
}

// MaxMessageBytes returns the size of the largest message that the log can hold.
// The server's max_payload decides, which is 1 MiB by default, and a setting of
// the stream, if it has one. Publish returns an error for larger messages.
func (b *Broker) MaxMessageBytes() int {
	most := b.conn.MaxPayload()
	if limit := int64(b.maxSize.Load()); limit > 0 {
		most = min(most, limit)
	}
	return int(most) - frameBytes - messageBytes
}

// at returns the position of a frame in the stream of another position.
func (p position) at(seq uint64, f *frame) position {
	return position{p.created, seq, f.generation, f.id, f.next()}
}

// follows reports whether a position is behind another one in the same log.
func (p position) follows(other position) bool {
	return p.created == other.created && p.generation == other.generation && p.seq > other.seq
}

// newest returns the newest frame that this node knows of.
func (b *Broker) newest() position {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.known
}

// knows notes that the stream has a frame.
func (b *Broker) knows(p position) {
	b.mu.Lock()
	defer b.mu.Unlock()

	if p.created > b.known.created || p.created == b.known.created && p.seq > b.known.seq {
		b.known = p
	}
}

// corrects notes where the stream ends, although it was longer.
func (b *Broker) corrects(p position) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.known = p
}

// connected waits until the connection is open.
func (b *Broker) connected(ctx context.Context) error {
	for !b.conn.IsConnected() {
		if b.conn.IsClosed() {
			return errClosed
		}
		if !pause(ctx, 10*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// newID returns a random number above zero.
func newID() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return max(binary.BigEndian.Uint64(b[:]), 1)
}

// pause waits, and reports whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
