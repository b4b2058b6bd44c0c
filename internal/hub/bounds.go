package hub

import (
	"errors"
	"math"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// ErrTooManyWatches is returned if a grant would exceed
// Config.MaxTagsPerUser or Config.MaxUsersPerTag. Nothing was granted.
var ErrTooManyWatches = errors.New("pull: too many watches")

// TagsToGrant returns the tags for which a grant from a position has to be put
// into the log. It leaves out those that were granted or extended within the
// last second, unless an end of the user's watches is on its way into the log, or
// the log has begun since: other nodes may not know what was in the lost one.
// It returns [ErrTooManyWatches] if the grant would exceed the bounds.
func (h *Hub) TagsToGrant(user string, from envelope.Cursor, tags []string, now time.Time) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()

	fresh := h.watches.freshExpiry(now)
	if now.Sub(h.rebasedAt) <= time.Second {
		fresh = math.MaxInt64
	}
	var grant []string
	added := make(map[string]struct{})
	for _, tag := range tags {
		w := h.watches.all[watchKey{user, tag}]
		if w != nil && w.expires >= fresh && (from.Epoch != h.epoch || w.since <= from.Offset) && h.pendingEnds[user] == 0 {
			continue
		}
		grant = append(grant, tag)
		if w != nil && now.UnixNano() < w.expires {
			continue
		}
		added[tag] = struct{}{}
		if h.exceeds(h.config.MaxUsersPerTag, h.watches.byTag[tag], 1, now) {
			return nil, ErrTooManyWatches
		}
	}
	if h.exceeds(h.config.MaxTagsPerUser, h.watches.byUser[user], len(added), now) {
		return nil, ErrTooManyWatches
	}
	return grant, nil
}

// exceeds reports whether so many more watches would exceed a bound. Expired
// watches, which are kept for a while, do not count. Counting them in a long
// list is slow, so it is done once a second at most; in between, exceeds
// returns true.
func (h *Hub) exceeds(most int, list []*watch, more int, now time.Time) bool {
	if most <= 0 || len(list)+more <= most {
		return false
	}
	if len(list) > sweepStep {
		if now.Sub(h.countedAt) < time.Second {
			return true
		}
		h.countedAt = now
	}
	for _, w := range list {
		if now.UnixNano() < w.expires {
			more++
		}
	}
	return more > most
}

// pendingEnds counts the ends of watches that are on their way into the log, by
// user. It is passive: its owner guards it.
type pendingEnds map[string]int

func (p pendingEnds) add(user string, n int) {
	if p[user] += n; p[user] <= 0 {
		delete(p, user)
	}
}

// ExpectEnds records that n ends of a user's watches are on their way into the
// log. A negative n takes back earlier ones.
func (h *Hub) ExpectEnds(user string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.pendingEnds.add(user, n)
}
