package hub

import (
	"errors"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// A WatchState is what a node keeps over a planned restart: the watches, which
// may be older than what the log still holds.
type WatchState struct {
	Watches []WatchImage
	Lost    map[string]uint64 // up to where watches of a user are forgotten that have heard something
}

// A WatchImage is a watch at rest, as the state file holds it.
type WatchImage struct {
	User, Tag    string
	Since, Until uint64
	Expires      int64
}

// Check reports values that no node writes, in a log that ends before an offset.
func (s WatchState) Check(end uint64) error {
	live := make(map[watchKey]bool)
	for _, w := range s.Watches {
		key := watchKey{w.User, w.Tag}
		if !w.isPossible(end) || w.Until == 0 && live[key] {
			return errors.New("impossible watch")
		}
		live[key] = live[key] || w.Until == 0
	}
	for user, upTo := range s.Lost {
		if envelope.CheckIDs("user id", []string{user}) != nil || upTo > end {
			return errors.New("impossible loss of watches")
		}
	}
	return nil
}

// isPossible tells whether there can be such a watch in a log that ends before an offset.
func (w *WatchImage) isPossible(end uint64) bool {
	return envelope.CheckIDs("user id", []string{w.User}) == nil && envelope.CheckIDs("tag", []string{w.Tag}) == nil &&
		w.Since < end && w.Until <= end && w.Expires >= 0
}

// WatchState returns the watches as they are.
func (n *Hub) WatchState() WatchState {
	n.mu.Lock()
	defer n.mu.Unlock()

	s := WatchState{Lost: n.watches.ended.losses()}
	for _, w := range n.watches.everything() {
		s.Watches = append(s.Watches, WatchImage{w.user, w.tag, w.since, w.until, w.expires})
	}
	return s
}

// Restore continues with the watches of the process before this one.
func (n *Hub) Restore(s WatchState, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()

	at := now.UnixNano()
	latest := at + int64(n.watches.ttl) // whatever the clock was when it was saved
	for _, w := range s.Watches {
		n.watches.restore(&watch{user: w.User, tag: w.Tag, since: w.Since, until: w.Until, expires: min(w.Expires, latest)}, at)
	}
	for user, upTo := range s.Lost {
		n.watches.ended.lose(user, upTo, at+int64(n.watches.keep))
	}
}
