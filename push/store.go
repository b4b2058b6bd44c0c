package push

import (
	"context"
	"time"
)

// MaxDevices is how many subscriptions a [Store] keeps for one user.
const MaxDevices = 32

// A Store keeps the subscriptions of browsers. It is safe for concurrent use, also
// by several processes. The endpoint identifies a subscription; endpoints and
// users are compared byte by byte. Package storetest tests implementations.
type Store interface {
	// Save adds a subscription, or replaces the one with its endpoint. If that
	// was another user's, it moves: one browser has one user. Saving counts as
	// seeing. Of more than MaxDevices subscriptions of the user, the one that has
	// not been seen for the longest time is deleted.
	Save(ctx context.Context, user string, s Subscription) error

	// Of returns the subscriptions of a user, in any order. None is no error.
	Of(ctx context.Context, user string) ([]Subscription, error)

	// Delete deletes a subscription if it is the user's, in one step, or does
	// nothing.
	Delete(ctx context.Context, user, endpoint string) error

	// Seen notes that a push service accepted a message for a subscription at
	// that time. It does nothing if there is no such subscription. An
	// implementation may leave out what is less than an hour later than what it
	// has.
	Seen(ctx context.Context, endpoint string, at time.Time) error
}

// A Lister is a [Store] that knows its users. Notifications to everyone need it.
type Lister interface {
	// Users returns up to limit users with subscriptions whose ids are greater
	// than after, in the order of their ids, which is that of their bytes.
	Users(ctx context.Context, after string, limit int) ([]string, error)
}
