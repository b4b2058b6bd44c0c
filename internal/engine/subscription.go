package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/hub"
)

// dispatch dispatches the messages of the log until ctx ends.
func (e *Engine) dispatch(ctx context.Context) {
	defer e.dispatcher.Close()
	// The log may hold grants that are older than the window and still valid, and ends of
	// sessions.
	window := max(e.config.WindowAge, e.config.WatchTTL, hub.EndLife)
	if e.memory != nil {
		_ = broker.Follow(ctx, e.memory, window, e.dispatcher.Dispatch) // saves one switch of goroutines per batch
		return
	}
	e.spawn(func() { e.subscribe(ctx, window) })
	e.dispatcher.Run(ctx)
}

// The shortest and the longest wait before the plugin subscribes again.
const (
	shortestWait = 50 * time.Millisecond
	longestWait  = 2 * time.Second
)

// subscribe passes the broker's messages to the dispatcher. It renews the
// subscription until ctx ends.
func (e *Engine) subscribe(ctx context.Context, window time.Duration) {
	o := &outage{report: e.config.OnError, logger: e.config.Logger, part: "subscription"}
	first := true
	arrive := func(d *broker.Delivery) {
		o.Succeed()
		e.unsubscribed.Store(false)
		if first {
			e.checkReach(d)
			first = false
		}
	}
	for wait := shortestWait; ; wait = min(2*wait, longestWait) {
		began := time.Now()
		err := e.subscribeOnce(ctx, window, arrive)
		if ctx.Err() != nil {
			return
		}
		e.unsubscribed.Store(true)
		o.Report(fmt.Errorf("pull: subscription: %w", err))
		if time.Since(began) > longestWait {
			wait = shortestWait
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		e.beat(time.Now()) // the log may be a new one, with nothing in it that would show that
	}
}

// subscribeOnce passes messages to the dispatcher until the subscription ends,
// and returns why. It ends the subscription if the broker breaks its contract,
// and calls arrive for each message that is in order.
func (e *Engine) subscribeOnce(ctx context.Context, window time.Duration, arrive func(*broker.Delivery)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := e.broker.Subscribe(ctx, window, func(epoch string, offset uint64, message []byte) {
		d := broker.Delivery{Epoch: epoch, Offset: offset, Raw: message}
		if broken := d.Check(); broken != nil {
			cancel(broken)
		}
		if ctx.Err() == nil {
			arrive(&d)
			e.dispatcher.Accept(ctx, d)
		}
	})
	if broken := context.Cause(ctx); broken != nil {
		return broken
	}
	if err == nil {
		err = errors.New("ended by itself")
	}
	return err
}
