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
	audience := n.pusher.(notification.Audience) //nolint:forcetypeassert // Send has checked that
	for after := ""; ; {
		users, err := audience.Users(n.ctx, after, audiencePage)
		if errors.Is(err, errors.ErrUnsupported) {
			n.report(fmt.Errorf("pull: list the users to notify: %w", err))
			n.hub.EndSearch(note)
			return
		}
		if err != nil && n.ctx.Err() == nil {
			n.report(fmt.Errorf("pull: list the users to notify: %w", err))
			if !n.pause(audienceRetry) {
				return
			}
			continue
		}
		if n.ctx.Err() != nil {
			return
		}
		waiting, more := n.hub.AddRecipients(note, users)
		n.wakeUp()
		if len(users) == 0 || !more {
			n.hub.EndSearch(note)
			return
		}
		after = users[len(users)-1]
		for ; waiting > audienceWaiting; waiting = n.hub.WaitingRecipients(note) {
			if !n.pause(time.Second) {
				return
			}
		}
	}
}

// pause waits, and reports whether the notifier still runs.
func (n *notifier) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-n.ctx.Done():
		return false
	}
}
