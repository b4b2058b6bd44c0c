// Package publish contains the bounded queue in front of the broker.
package publish

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/broker"
)

const (
	maxEvents = 65_536 // largest number of events in the queue
	// MaxBytes is the largest size of all messages in the queue, and so of each.
	MaxBytes = 64 << 20

	// slowdown is the time that one Send takes longer while the queue is more than
	// half full. Code that sends in a tight loop is faster than everything behind
	// it; slowing it down a little is better than returning errors to it.
	slowdown = 100 * time.Microsecond

	chunkMessages = 512     // largest number of messages in one call of the broker
	chunkBytes    = 4 << 20 // largest size of them, unless a single message is larger

	shortestRetry = 50 * time.Millisecond
	longestRetry  = 2 * time.Second

	// StallTimeout is how long the publisher waits for a node that makes no
	// progress before it continues.
	StallTimeout = 5 * time.Second
)

// MaxRequestEvents and MaxRequestBytes bound what one request may occupy of the
// queue, so that it does not make the Sends of other requests fail.
const (
	MaxRequestEvents = maxEvents / 4
	MaxRequestBytes  = MaxBytes / 4
)

// AheadMessages and AheadBytes bound what the publisher has handed to the broker
// and this node has not applied, which is two chunks at most.
const (
	AheadMessages = 2 * chunkMessages
	AheadBytes    = 4 * chunkBytes
)

var (
	// ErrQueueFull is returned by Send if the broker has fallen so far behind
	// that the publisher's bounded queue has no room. Nothing was collected:
	// fail the request, or retry later.
	ErrQueueFull = errors.New("pull: publisher's queue is full")

	// ErrClosed is returned after [Plugin.Shutdown] has been called.
	ErrClosed = errors.New("pull: plugin is shut down")

	errRefused = errors.New("pull: the log does not accept events at the moment; they wait")
)

// A Progress reports how many of its own messages a node has applied.
type Progress interface {
	// Applied returns the sequence number of the last own message that the node
	// has applied.
	Applied() uint64

	// Await waits until the condition holds, and reports whether it did before
	// ctx ended. It checks the condition whenever the node has made progress.
	Await(ctx context.Context, condition func() bool) bool

	// HandedOver notes that the own messages up to a sequence number are handed
	// over now, before the log can have them. Calls do not overlap. It must not
	// block.
	HandedOver(seq uint64)
}

// An Outage reports failures of what is tried again and again, once. Its methods
// are called on one goroutine.
type Outage interface {
	Report(err error) // it has failed
	Succeed()         // it has not
}

// A Publisher hands batches to the broker, one after another, on the goroutine
// that calls Run. Its queue is bounded. Send reserves a place in it, so that the
// queue is never full when the request ends and its events are published: at
// that time no error could be returned to anyone.
type Publisher struct {
	log      broker.Broker
	progress Progress
	node     string
	report   func(error)
	outage   Outage

	events, bytes atomic.Int64 // places that are reserved
	relays        atomic.Int64 // messages of pages in the queue
	failing       atomic.Bool  // the broker has refused the last call
	stats         counters
	closed        atomic.Bool                // Reserve returns ErrClosed
	lost          int                        // events that did not reach the broker; owned by Run's goroutine, not guarded
	fault         atomic.Pointer[FaultError] // what the broker returns instead of publishing; nil outside of tests

	mu     sync.Mutex     // guards what follows
	memory *broker.Memory // the log, if it is in this process, else nil
	seq    uint64         // of the last message
	queue  []Batch
	note   func(raw []byte) // gets every message; nil outside of tests

	unapplied int // bytes that bypassed the queue since the node had applied everything

	busy  bool // Run is publishing
	ended bool // Run has ended; nothing is accepted any more

	wake  chan struct{} // signalled when the queue is not empty
	freed chan struct{} // signalled when places are released

	mended chan struct{} // signalled when a fault has ended
}

// New returns the publisher of a node. node is the id in the names of its
// messages. report receives the errors that no caller can be given, except those
// of the log, which outage receives.
func New(log broker.Broker, node string, p Progress, report func(error), outage Outage) *Publisher {
	memory, _ := log.(*broker.Memory)
	return &Publisher{
		log: log, memory: memory, node: node, progress: p, report: report, outage: outage,
		wake: make(chan struct{}, 1), freed: make(chan struct{}, 1), mended: make(chan struct{}, 1),
	}
}
