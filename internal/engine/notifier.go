package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/internal/pending"
	"github.com/echo-pull/pull/internal/rate"
	"github.com/echo-pull/pull/internal/signal"
	"github.com/echo-pull/pull/internal/tally"
)

// pushesAtOnce bounds the calls of the pusher that run at a time.
const pushesAtOnce = 256

// marksEvery is how long news of what was sent is collected before it is published.
const marksEvery = 100 * time.Millisecond

// A notifier passes notifications that are due to the pusher. The methods of a nil
// notifier do nothing.
type notifier struct {
	pusher notification.Pusher
	allow  func(ctx context.Context, user string, e event.Event) bool
	hub    *hub.Hub
	spawn  func(func())
	report func(error)

	forgets   bool          // what waits is lost with the process
	published func() uint64 // returns the number of the last message that this node has published

	ctx      context.Context //nolint:containedctx // that of its goroutines, which drain ends
	cancel   context.CancelFunc
	wake     chan struct{}
	finished chan struct{} // signalled when a call of the pusher has returned
	idle     chan struct{} // closed when run has ended
	slots    chan struct{} // holds a token for each call of the pusher
	reports  rate.Throttle
	became   tally.Counts // of notifications: see outcomes

	searched map[*pending.Note]bool // whose recipients are being found; owned by run
	found    chan *pending.Note
}

// newNotifier returns the notifier for the configuration, or nil without a pusher.
func newNotifier(c *Config) *notifier {
	if c.Pusher == nil {
		return nil
	}
	n := &notifier{
		pusher: c.Pusher, allow: c.PushAllow, report: c.OnError,
		wake: make(chan struct{}, 1), finished: make(chan struct{}, 1), idle: make(chan struct{}),
		slots: make(chan struct{}, pushesAtOnce), searched: make(map[*pending.Note]bool), found: make(chan *pending.Note),
		became: newOutcomes(),
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n
}

// open gives the notifier the parts of its engine, which is about to start.
func (n *notifier) open(e *Engine) {
	if n != nil {
		n.hub, n.spawn = e.hub, e.spawn
		n.forgets = e.memory != nil && e.state == nil
		n.published = func() uint64 { return e.publisher.Last() }
	}
}

// wakeUp makes run look again at what is due. It never blocks.
func (n *notifier) wakeUp() {
	if n != nil {
		signal.Send(n.wake)
	}
}

// run passes on what is due until drain ends it.
func (n *notifier) run() {
	defer close(n.idle)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var marked time.Time
	for n.ctx.Err() == nil {
		now := time.Now()
		next := n.pass(now)
		if n.hub.HasMarks() {
			if now.Sub(marked) >= marksEvery {
				marked = now
				n.publishMarks(now)
			} else {
				next = earlier(next, marked.Add(marksEvery))
			}
		}
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
		select {
		case <-n.wake:
		case <-n.finished:
		case note := <-n.found:
			delete(n.searched, note)
		case <-timer.C:
		case <-n.ctx.Done():
		}
	}
}

// earlier returns the earlier of two times. The zero time means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func (n *notifier) publishMarks(now time.Time) {
	for n.hub.PublishMarks(now) { // returns whether there is more
	}
}

// pass starts what is due now, and returns when the next notification is due.
func (n *notifier) pass(now time.Time) (next time.Time) {
	due, next := n.hub.DuePushes(now, cap(n.slots)-len(n.slots))
	for _, e := range due {
		n.slots <- struct{}{}
		n.spawn(func() {
			retry := n.send(e)
			n.hub.FinishPush(e, retry)
			<-n.slots
			signal.Send(n.finished)
		})
	}
	if note := n.hub.SearchedNote(n.searched); note != nil {
		n.searched[note] = true
		n.spawn(func() { n.search(note) })
	}
	if len(n.slots) == cap(n.slots) {
		return time.Time{} // finished wakes run
	}
	return next
}

// send passes a notification to the pusher, unless the application does not allow
// it any more. It returns after what time to try again, or 0.
func (n *notifier) send(e *pending.Entry) (retry time.Duration) {
	defer func() {
		if v := recover(); v != nil { // the application's mistake, which must not end the process
			n.became.Add(pushFailed, 1)
			n.report(fmt.Errorf("pull: notify user %q: panic: %v", e.User, v))
		}
	}()
	note := e.Complete()
	if n.allow != nil && !n.allow(n.ctx, e.User, eventOf(&note)) {
		if n.ctx.Err() != nil { // it may have failed because of that
			return interrupted
		}
		n.became.Add(pushRefused, 1)
		return 0
	}
	err := n.pusher.Push(n.ctx, e.User, &note)
	var again *notification.RetryError
	switch {
	case err == nil:
		n.became.Add(pushSent, 1)
	case n.ctx.Err() != nil:
		return interrupted
	case errors.As(err, &again):
		n.became.Add(pushRetried, 1)
		return max(again.After, backoff(n.hub.PushTries(e)))
	default:
		n.became.Add(pushFailed, 1)
		if n.reports.Allow(err.Error()) { // a mistake in the configuration makes all fail in the same way
			n.report(fmt.Errorf("pull: notify user %q: %w", e.User, err))
		}
	}
	return 0
}

// interrupted is the retry of what the shutdown interrupts: another node, or the
// next process, sends it.
const interrupted = time.Millisecond

const (
	shortestBackoff = 500 * time.Millisecond
	longestBackoff  = 5 * time.Minute
)

// backoff returns the least time before a notification is tried again. It grows
// with the number of tries and differs, so that not all return at once.
func backoff(tries int) time.Duration {
	limit := min(longestBackoff, shortestBackoff<<min(tries, 16))
	return limit/2 + rand.N(limit/2) //nolint:gosec // a delay
}

// eventOf returns the event that a notification belongs to.
func eventOf(note *notification.Notification) event.Event {
	return event.Event{Module: note.Module, Command: note.Command, Params: note.Params, Push: &note.Push}
}
