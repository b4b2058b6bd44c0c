// Package event encodes events and their targets.
package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/internal/protocol"
)

const (
	defaultTTL = 24 * time.Hour
	longestTTL = 100 * 365 * 24 * time.Hour // a longer TTL is reduced to this, or it could overflow
	keptBytes  = 256 << 10                  // an encoder with larger buffers is not reused
	quoted     = 40                         // bytes of the params that an error quotes
)

// An Event is a command that the application sends to the pages of a module.
type Event struct {
	// Module is the id of a registered module. Send converts it to lower case.
	Module string

	// Command names what happened: text of at most 100 bytes, in UTF-8 and without control
	// characters and line breaks. Case is significant. Letters, digits and the characters
	// . _ - and : look the same everywhere; in the names of DOM events, others are
	// percent-encoded. It may be empty if Push is set: then pages receive nothing.
	Command string

	// Params are passed to the page's handlers as JSON. Send encodes them once;
	// later changes are not sent. Times are encoded as RFC 3339, nil as {}. The
	// output of a json.RawMessage or a MarshalJSON method must be JSON in
	// UTF-8. Default {}.
	Params any

	// PerUser has what single users get besides Params, by user id: each value is encoded
	// as a JSON object, whose members are added to the params of that user's pages, and
	// replace those with the same key. Nested objects are replaced, not merged. No other
	// page receives them. Params must be an object too, or nil. A user who is not at the
	// target gets nothing. Default nil.
	PerUser map[string]any

	// Extra has more members for the extra that the page's handlers receive, such as the
	// name of the user who caused the event. They are encoded as JSON like Params. The keys
	// sender, server_time, server_time_unix, server_time_ago and tab are reserved. html
	// streams do not show it. Default nil.
	Extra map[string]any

	// Key makes later events replace earlier ones. Of several events with one
	// key to one target in one request, only the last is sent, in its own
	// place. Default: every event is sent.
	Key string

	// TTL is how long a page that was away can still get the event when it
	// reconnects, rounded up to a second. A century or more means no end. The
	// window of the node is a further limit. Default 24 hours.
	TTL time.Duration

	// Keep determines which of several events with one Key a page gets that was away
	// when they were sent, also by different requests: with KeepAll each of them, with
	// Last only the last. Last needs a Key. Default KeepAll.
	Keep Keep

	// ExceptSender excludes the page that made the request: the page of the
	// request's user whose id is in the header Pull-Client. It has no effect
	// outside a request, or inside Config.User.
	ExceptSender bool

	// Secret keeps the event from being compressed, see Config.Compress. Set it for
	// an event that contains a secret, such as a token or a code, and text that
	// somebody else may have chosen. Otherwise an attacker who chooses the text and
	// sees the sizes of encrypted messages can guess the secret bit by bit: text that
	// repeats it compresses better (BREACH). It has no effect without
	// Config.Compress. Default false.
	Secret bool

	// Push also notifies the users at the target who look at no page, on their
	// devices. It needs Config.Pusher. For a tag, these are the users who watch it
	// when the event enters the log. For Shared, they are all users with devices.
	// Default nil, no notification.
	Push *notification.Push

	own bool // of the plugin itself, for which no module is registered
}

// Render returns the event with a fragment of HTML, which has passed its checks.
func Render(params json.RawMessage, key string) Event {
	e := Event{Module: protocol.PluginModule, Command: protocol.RenderCommand, Params: params, Key: key, own: true}
	if key != "" {
		e.Keep = Last
	}
	return e
}

// IsOwn reports whether an event is of the plugin itself, for which no module is
// registered.
func IsOwn(e *Event) bool { return e.own }

// Check returns an error if a field of the event is invalid. It converts the
// module id to lower case.
func Check(e *Event) error {
	if err := envelope.CheckModule(e.Module); err != nil {
		return err
	}
	e.Module = strings.ToLower(e.Module)
	if e.Command != "" || e.Push == nil {
		if err := envelope.CheckCommand(e.Command); err != nil {
			return err
		}
	}
	if e.TTL < 0 {
		return fmt.Errorf("pull: negative TTL %s of %s/%s", e.TTL, e.Module, e.Command)
	}
	if err := e.Keep.check(e); err != nil {
		return err
	}
	if len(e.PerUser) > 0 || len(e.Extra) > 0 {
		if err := checkMore(e); err != nil {
			return err
		}
	}
	if e.Push != nil {
		return checkPush(e.Push)
	}
	return nil
}

// checkMore returns an error unless PerUser and Extra have valid keys.
func checkMore(e *Event) error {
	for user := range e.PerUser {
		if err := envelope.CheckIDs("user id", []string{user}); err != nil {
			return err
		}
	}
	for key := range e.Extra {
		if protocol.IsReservedExtra(key) {
			return fmt.Errorf("pull: the key %q in the extra of %s/%s is reserved", key, e.Module, e.Command)
		}
	}
	return nil
}

// checkPush returns an error if a notification is invalid, or too large for a push
// service.
func checkPush(p *notification.Push) error {
	if err := notification.Check(p); err != nil {
		return err
	}
	if size := notification.Size(p); size > notification.MaxPayload {
		return &SizeError{Size: size, Limit: notification.MaxPayload, push: true}
	}
	return nil
}

// expires returns the unix second after which the event is no longer replayed.
func (e *Event) expires(now time.Time) uint64 {
	ttl := min(e.TTL, longestTTL)
	if ttl == 0 {
		ttl = defaultTTL
	}
	return uint64(now.Add(ttl + time.Second - 1).Unix()) //nolint:gosec // the clock is past 1970
}
