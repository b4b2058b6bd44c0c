package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/internal/publish"
)

// ErrNoPusher is returned by Send for an event with a Push if there is no
// Config.Pusher, and for one to everyone if the Pusher cannot list the users with
// devices. Nothing was collected. Withdraw and Read return it as well.
var ErrNoPusher = errors.New("pull: notifications need Config.Pusher")

var errNoAudience = errors.New("a Push to everyone needs a Pusher with a method Users")

// checkPush returns an error if nobody can send the notification of an event.
func (e *Engine) checkPush(t *event.Target, ev *event.Event) error {
	switch {
	case ev.Push == nil:
		return nil
	case e.config.Pusher == nil:
		return ErrNoPusher
	case event.IsShared(t):
		if _, ok := e.config.Pusher.(notification.Audience); !ok {
			return errors.Join(ErrNoPusher, errNoAudience)
		}
	}
	return nil
}

// Pusher returns Config.Pusher.
func (e *Engine) Pusher() notification.Pusher { return e.config.Pusher } //nolint:ireturn // it is the application's

// Pushes gives access to the notifications that were sent. It is safe for
// concurrent use.
type Pushes struct{ engine *Engine }

// Pushes returns the notifications.
func (e *Engine) Pushes() Pushes { return Pushes{e} }

// Withdraw makes the notifications with a tag, which were sent to users at the
// target before, disappear: those that wait are dropped on all nodes, and those
// that are shown are closed on every device with an open page, also one that
// connects within the window. A device without one keeps what it shows until a
// notification with the same tag replaces it: browsers do not let a server close a
// notification without showing another.
//
// Withdraw returns when the withdrawal is on its way to the log. It returns
// [ErrQueueFull], [ErrClosed], [ErrNoPusher], or an error for an invalid tag or
// target.
func (p Pushes) Withdraw(t event.Target, tag string) error {
	if p.engine.config.Pusher == nil {
		return ErrNoPusher
	}
	if err := envelope.CheckIDs("tag", []string{tag}); err != nil {
		return err
	}
	if err := event.CheckTarget(&t); err != nil || event.IsNobody(&t) {
		return err
	}
	raw, err := event.EncodeWithdrawal(&t, tag, time.Now())
	if err != nil {
		return err
	}
	if err := p.engine.checkSize(len(raw)); err != nil {
		return err
	}
	if err := p.engine.publisher.Reserve(len(raw)); err != nil {
		return err
	}
	p.engine.publisher.Publish(publish.Batch{Messages: [][]byte{raw}, Events: 1, Size: len(raw)})
	return nil
}

// Read records that a user has read what a tag is about, such as a conversation, on
// any device. It withdraws the notifications with the tag of this user. A page does
// the same with pull.read(tag).
func (p Pushes) Read(user, tag string) error {
	return p.Withdraw(event.User(user), tag)
}

// pushDrain bounds how long a shutdown waits for notifications.
const pushDrain = 10 * time.Second

// drain sends what waits, if no other node can do that, waits for what is being
// sent, and ends the notifier. Sending is cut off when ctx ends or pushDrain is
// over.
func (n *notifier) drain(ctx context.Context) {
	if n == nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, pushDrain)
	defer cancel()
	n.hub.Await(limited, func() bool { return n.hub.Applied() >= n.published() }) // with the notifications of the last requests
	n.hub.HurryPushes(time.Now())
	n.wakeUp()
	for n.hub.IsPushing(time.Now()) && limited.Err() == nil {
		n.awaitProgress(limited)
	}
	n.cancel()
	<-n.idle // no call begins any more
	n.awaitCalls(ctx)
	n.publishMarks(time.Now())
	if left := n.hub.PushesLeft(); left > 0 && n.forgets {
		n.report(fmt.Errorf("pull: %d notifications that were to be tried again are lost with this process", left))
	}
}

// awaitCalls waits for the calls of the pusher, whose context has ended.
func (n *notifier) awaitCalls(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, goroutineWait)
	defer cancel()
	for range cap(n.slots) {
		select {
		case n.slots <- struct{}{}:
		case <-limited.Done():
			return
		}
	}
}

// awaitProgress waits until a call of the pusher may have returned.
func (n *notifier) awaitProgress(ctx context.Context) {
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
	}
}
