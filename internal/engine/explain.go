package engine

import (
	"context"
	"errors"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/explain"
)

// What an operator may ask. All methods are safe for concurrent use, hold the node's lock
// for a short time, and return what belongs to the caller. Nothing that they return has
// the params of events.

// ErrNoEvent is returned by Explain for a cursor that cannot be one of an event.
var ErrNoEvent = errors.New("pull: not the position of an event")

// Explain answers why a user, "" for guests, did or did not get the event at a position of
// the log. A position without an epoch is one of the current log. The answer is what this
// node knows: about the sessions on other nodes it says where they are. It never claims
// more than that; "not known" is an answer. Explain returns an error for a malformed user
// id, for [ErrNoEvent], and if ctx has ended.
func (e *Engine) Explain(ctx context.Context, user string, at envelope.Cursor) (explain.Explanation, error) {
	if err := ctx.Err(); err != nil {
		return explain.Explanation{}, err
	}
	if user != "" {
		if err := envelope.CheckIDs("user id", []string{user}); err != nil {
			return explain.Explanation{}, err
		}
	}
	if at.Offset == 0 || at.Offset > envelope.MaxOffset {
		return explain.Explanation{}, ErrNoEvent
	}
	return explain.Explain(e.hub.Facts(user, at)), nil
}

// Sessions returns the sessions of a user, "" for guests, on this node: those that live,
// and then those of the last 256 of the node that have ended, the last first. It returns
// at most 256.
func (e *Engine) Sessions(user string) []explain.Session { return e.hub.Sessions(user) }

// WatchesOf returns the watches that a user has now, on all nodes, sorted by tag.
func (e *Engine) WatchesOf(user string) []explain.Watch { return e.hub.WatchesOf(user, time.Now()) }

// Recent returns the last events of the window, the newest first: up to n, and 1,000 at
// most.
func (e *Engine) Recent(n int) []explain.Event { return e.hub.Recent(n) }

// RecentOf returns the last events of the window that are for a user, "" for a guest, the
// newest first: up to n, and 1,000 at most. Those that only a page's own watch covers are
// not among them.
func (e *Engine) RecentOf(user string, n int) []explain.Event { return e.hub.RecentOf(user, n) }

// Nodes returns the nodes that share the log, as this one knows them: itself first.
func (e *Engine) Nodes() []explain.Node { return e.hub.Nodes() }
