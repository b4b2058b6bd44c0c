package notification

import (
	"context"
	"encoding/json"
	"time"
)

// A Notification is a push as a [Pusher] gets it.
type Notification struct {
	// Push has all defaults, except for Topic: its Tag, URL, Urgency and TTL are
	// set.
	Push

	// ID names the notification. It is the same if the notification is sent
	// again, which happens after the crash of a node.
	ID string

	// Module, Command and Params are those of the event. Command is empty if the
	// push goes with no command.
	Module, Command string
	Params          json.RawMessage

	// Sent is when the application sent the event. Expires is Sent plus TTL.
	Sent, Expires time.Time
}

// New returns the notification of a push that was sent at a time.
func New(p Push, id string, sent time.Time) Notification {
	p = withDefaults(p, id)
	return Notification{Push: p, ID: id, Sent: sent, Expires: sent.Add(p.TTL)}
}

// Payload returns the notification as JSON, at most 3,993 bytes: a
// declarative push message of the Push API, which the client's service worker
// also understands.
func (n *Notification) Payload() []byte { return n.payload() }

// A Pusher sends notifications to users' devices, over Web Push as package push
// does, or by any other service, or by mail. The plugin calls it for each user who
// should get a notification, on one node. It must be safe for concurrent use.
//
// A Pusher may have these methods as well:
//
//   - Users(ctx context.Context, after string, limit int) ([]string, error) returns
//     up to limit users with devices, in the order of their ids, whose ids are
//     greater than after. Events to everyone need it.
//   - Key() string, Subscribe(ctx context.Context, user string, subscription
//     []byte) error and Unsubscribe(ctx context.Context, user string, subscription
//     []byte) error manage the subscriptions of browsers, see [Subscriber].
type Pusher interface {
	// Push sends a notification to all devices of a user, and returns when that
	// is done. A user without devices is no error. After a [RetryError] the
	// plugin calls Push again, unless meanwhile the user has looked at a page,
	// the notification was withdrawn or replaced, or it has expired. Any other
	// error is reported to Config.OnError. ctx ends when the plugin shuts down.
	Push(ctx context.Context, user string, n *Notification) error
}

// An Audience is a [Pusher] that knows all users with devices.
type Audience interface {
	Users(ctx context.Context, after string, limit int) ([]string, error)
}

// A Subscriber is a [Pusher] whose devices are browsers, which subscribe at
// {mount}/push.
type Subscriber interface {
	// Key returns the public key with which browsers subscribe (RFC 8292), in
	// base64url.
	Key() string

	// Subscribe saves the subscription of a user's browser, as the browser's
	// PushSubscription.toJSON returns it. If it was another user's, it moves. A
	// [SubscriptionError] is the client's fault.
	Subscribe(ctx context.Context, user string, subscription []byte) error

	// Unsubscribe deletes the subscription if it is the user's, or does nothing.
	Unsubscribe(ctx context.Context, user string, subscription []byte) error
}

// A RetryError is returned by a [Pusher] that wants to be called again.
type RetryError struct {
	After time.Duration // at least so much later
	Err   error         // why
}

func (e *RetryError) Error() string { return e.Err.Error() }

func (e *RetryError) Unwrap() error { return e.Err }

// A SubscriptionError is the subscription of a browser that cannot be used.
type SubscriptionError struct {
	Reason string // for the client; it contains nothing private
}

func (e *SubscriptionError) Error() string { return "pull: subscription: " + e.Reason }
