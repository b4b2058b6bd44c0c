package hub

import (
	"errors"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// A WatchState is what the hub keeps over a planned restart: the watches, which
// may be older than what the log still holds.
type WatchState struct {
	Watches []WatchImage
	Lost    map[string]uint64 // by user, the offset up to which dropped watches may have covered messages
}

// A WatchImage is a watch as the state file holds it.
type WatchImage struct {
	User, Tag    string
	Since, Until uint64
	Expires      int64
}

// Check returns an error for values that no hub writes in a log that ends
// before the offset.
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

// isPossible reports whether such a watch can exist in a log that ends before
// the offset.
func (w *WatchImage) isPossible(end uint64) bool {
	return envelope.CheckIDs("user id", []string{w.User}) == nil && envelope.CheckIDs("tag", []string{w.Tag}) == nil &&
		w.Since < end && w.Until <= end && w.Expires >= 0
}

// WatchState returns the current watches.
func (h *Hub) WatchState() WatchState {
	h.mu.Lock()
	defer h.mu.Unlock()

	s := WatchState{Lost: h.watches.ended.losses()}
	for _, w := range h.watches.everything() {
		s.Watches = append(s.Watches, WatchImage{w.user, w.tag, w.since, w.until, w.expires})
	}
	return s
}

// Restore adds the watches that an earlier process has saved.
func (h *Hub) Restore(s WatchState, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()

	at := now.UnixNano()
	latest := at + int64(h.watches.ttl) // the clock may have been ahead when the watch was saved
	for _, w := range s.Watches {
		h.watches.addSaved(&watch{user: w.User, tag: w.Tag, since: w.Since, until: w.Until, expires: min(w.Expires, latest)}, at)
	}
	for user, upTo := range s.Lost {
		h.watches.ended.addLoss(user, upTo, at+int64(h.watches.keep))
	}
}
