package hub

import (
	"slices"
	"time"
)

// WatchersOf returns the users who watch the tag.
func (h *Hub) WatchersOf(tag string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()

	return slices.Collect(h.watches.watchers(tag, time.Now().UnixNano()))
}

// AreWatched reports for each of the tags whether the user watches it.
func (h *Hub) AreWatched(user string, tags []string) map[string]bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	now := time.Now().UnixNano()
	watched := make(map[string]bool, len(tags))
	for _, tag := range tags {
		watched[tag] = h.watches.has(user, tag, now)
	}
	return watched
}

// TagsToExtend returns the tags that the user watches and that were not granted
// or extended within the last second.
func (h *Hub) TagsToExtend(user string, tags []string, now time.Time) []string {
	h.mu.Lock()
	defer h.mu.Unlock()

	fresh := h.watches.freshExpiry(now)
	var extend []string
	for _, tag := range tags {
		w := h.watches.all[watchKey{user, tag}]
		if w != nil && now.UnixNano() < w.expires && w.expires < fresh {
			extend = append(extend, tag)
		}
	}
	return extend
}
