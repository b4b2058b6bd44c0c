package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/internal/pending"
)

const (
	audiencePage    = 500   // users that are asked for at a time
	audienceWaiting = 5_000 // recipients of one note that wait before more are found
	audienceRetry   = 5 * time.Second
)

// search finds the recipients of a note to everyone: all users with devices. It
// goes on when most of those found so far have been notified.
func (n *notifier) search(note *pending.Note) {
	defer func() {
		select {
		case n.found <- note:
		case <-n.ctx.Done():
		}
	}()
	for after := ""; ; {
		users, err := n.users(after)
		if err != nil {
			return // what was found is notified, and another node may go on
		}
		waiting, more := n.hub.AddRecipients(note, users)
		n.wakeUp()
		if len(users) == 0 || !more {
			n.hub.EndSearch(note)
			return
		}
		after = users[len(users)-1]
		for ; waiting > audienceWaiting && n.ctx.Err() == nil; waiting = n.hub.WaitingRecipients(note) {
			n.pause(time.Second)
		}
	}
}

// users returns some of the users with devices, after one of them. It tries again
// until it succeeds or the notifier ends. A pusher that cannot list users has none.
func (n *notifier) users(after string) ([]string, error) {
	audience := n.pusher.(notification.Audience) //nolint:forcetypeassert // Send has checked that
	for {
		users, err := audience.Users(n.ctx, after, audiencePage)
		switch {
		case n.ctx.Err() != nil:
			return nil, n.ctx.Err()
		case err == nil:
			return n.checkOrder(after, users), nil
		}
		if err = fmt.Errorf("pull: list the users to notify: %w", err); n.reports.Allow(err.Error()) {
			n.report(err)
		}
		if errors.Is(err, errors.ErrUnsupported) {
			return nil, nil
		}
		n.pause(audienceRetry)
	}
}

// checkOrder returns the users, or none if the pusher repeats itself, which would
// have no end.
func (n *notifier) checkOrder(after string, users []string) []string {
	if len(users) == 0 || users[len(users)-1] > after {
		return users
	}
	n.report(fmt.Errorf("pull: list the users to notify after %q: got %q, so the rest is not notified", after, users[len(users)-1]))
	return nil
}

// pause waits, or until the notifier ends.
func (n *notifier) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-n.ctx.Done():
	}
}
