package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/publish"
	"github.com/echo-pull/pull/internal/signal"
)

// relayEvery is how often the relay looks for events that nothing has announced:
// those of other nodes, of worker processes, and of transactions that ended after
// their request.
const relayEvery = time.Second

// relayTimeout bounds one call of the broker. It is shorter than the time for
// which an outbox reserves messages for a node.
const relayTimeout = 3 * time.Second

// relayMessages and relayBytes bound what the relay has handed to the embedded log
// and this node has not applied.
const (
	relayMessages = 512
	relayBytes    = 32 << 20
)

// A relay moves the events of SendTx from the transactional outbox into the log.
// Every node has one, and the outbox lets them take turns.
type relay struct {
	outbox  broker.TxOutbox                                                                     // nil if there is none
	publish func(ctx context.Context, source string, numbers []uint64, messages [][]byte) error // nil if the outbox and the log are one
	check   func(message []byte) error
	report  func(error)
	fault   func() error // what the log returns instead of publishing, in tests

	recorder *recorder // gets what was moved, in tests

	wake     chan struct{}
	requests atomic.Uint32 // that have called SendTx
	since    atomic.Int64  // when the oldest event that is left was inserted, unix nanoseconds; 0 if none is
	passing  chan struct{} // holds a token while a pass runs: passes take turns, and own outage
	outage   outage        // of the database or the log
}

// newRelay returns the relay of an engine, whose publisher and hub exist.
func (e *Engine) newRelay() *relay {
	r := &relay{outbox: e.config.TxOutbox, check: e.checkRelayed, report: e.config.OnError, wake: make(chan struct{}, 1), passing: make(chan struct{}, 1)}
	r.recorder, r.fault = &e.recorder, func() error { return e.publisher.Fault() }
	r.outage = outage{report: e.config.OnError, logger: e.config.Logger, part: "outbox"}
	if r.outbox != nil {
		r.publish = e.publishRelayed
		return r
	}
	r.outbox, _ = e.broker.(broker.TxOutbox)
	return r
}

// run relays until ctx ends.
func (r *relay) run(ctx context.Context) {
	poll := time.NewTicker(relayEvery)
	defer poll.Stop()
	for {
		wake := r.wake
		if !r.pass(ctx) {
			wake = nil // try again with the next tick
		}
		select {
		case <-wake:
		case <-poll.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *relay) wakeUp() { signal.Send(r.wake) }

// pass moves everything that is in the outbox, and reports whether it could.
func (r *relay) pass(ctx context.Context) bool {
	select {
	case r.passing <- struct{}{}:
		defer func() { <-r.passing }()
	case <-ctx.Done():
		return true
	}
	for ctx.Err() == nil {
		more, err := r.step(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			r.outage.Report(fmt.Errorf("pull: relay events of transactions: %w", err))
			return false
		}
		r.outage.Succeed()
		if !more {
			break
		}
	}
	return true
}

// step moves some of what is in the outbox, and reports whether there is more.
func (r *relay) step(ctx context.Context) (more bool, err error) {
	if err := r.fault(); err != nil {
		return false, err
	}
	var bad []error
	var moved [][]byte
	oldest, more, err := r.outbox.Relay(ctx, func(message []byte) error {
		err := r.check(message)
		if err != nil {
			bad = append(bad, err)
		} else if r.recorder.isOn() {
			moved = append(moved, bytes.Clone(message))
		}
		return err
	}, r.publish)
	for _, err := range bad { // they may have been marked even if Relay has failed
		r.report(fmt.Errorf("pull: an event in the transactional outbox cannot be sent and was marked as failed: %w", err))
	}
	if err == nil {
		r.recorder.relayed(moved)
	}
	if err == nil || oldest > 0 { // otherwise it is not known
		r.age(oldest)
	}
	return more, err
}

// age records the age of the oldest event that is left.
func (r *relay) age(oldest time.Duration) {
	var since int64
	if oldest > 0 {
		since = time.Now().Add(-oldest).UnixNano()
	}
	r.since.Store(since)
}

// oldest returns the age of the oldest event that is left, as far as the last
// pass has seen it.
func (r *relay) oldest() time.Duration {
	since := r.since.Load()
	if since == 0 {
		return 0
	}
	return max(time.Since(time.Unix(0, since)), 1)
}

// checkRelayed returns why a message from the outbox cannot be put into the log.
func (e *Engine) checkRelayed(message []byte) error {
	ev, err := envelope.Parse(message)
	switch {
	case err != nil:
		return err
	case !ev.Kind.IsEvent() || !ev.IsUnnamed():
		return errNotAnEvent
	}
	return e.checkFinalSize(len(message))
}

var errNotAnEvent = errors.New("pull: not an event of SendTx")

// publishRelayed publishes messages of an outbox that is not in the log's
// database. It waits until this node has applied them, so that a burst does not
// exceed the bounds of the embedded log. It leaves out those that this node has
// received from the log after an earlier try, so that a log that is slow gets on.
func (e *Engine) publishRelayed(ctx context.Context, source string, numbers []uint64, messages [][]byte) error {
	node := envelope.OutboxID(source)
	for i, raw := range messages {
		envelope.Stamp(raw, node, numbers[i])
	}
	applied := e.hub.AppliedFrom(node)
	for len(messages) > 0 && numbers[0] <= applied {
		numbers, messages = numbers[1:], messages[1:]
	}
	if len(messages) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	if err := e.broker.Publish(limited, messages...); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	patience, stop := context.WithTimeout(ctx, publish.StallTimeout)
	defer stop()
	last := numbers[len(numbers)-1]
	e.hub.Await(patience, func() bool { return e.hub.AppliedFrom(node) >= last })
	return nil
}
