package hub

import (
	"cmp"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/explain"
)

// Nodes returns the nodes that this one knows from the log, itself first, and the others
// by their ids.
func (h *Hub) Nodes() []explain.Node {
	h.mu.Lock()
	defer h.mu.Unlock()

	var all []explain.Node
	for id, p := range h.presence.peers {
		if envelope.IsOutbox([]byte(id)) {
			continue
		}
		all = append(all, explain.Node{
			ID: id, Self: p.self, Stopping: p.stopping, Silent: p.expired, Heard: p.received, Sent: time.Unix(0, p.at), Users: len(p.users),
		})
	}
	slices.SortFunc(all, func(a, b explain.Node) int {
		if a.Self != b.Self {
			return map[bool]int{true: -1, false: 1}[a.Self]
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return all
}

// otherNodesOf returns the ids of the other nodes that have announced the user, sorted.
// Those that have stopped are not among them, though the user is online until the grace
// is over.
func (h *Hub) otherNodesOf(user string) []string {
	var ids []string
	for id, p := range h.presence.peers {
		if _, announced := p.users[user]; announced && !p.self && !p.expired && !p.stopping {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// mostRecent bounds the events of one answer.
const mostRecent = 1000

// Recent returns the last events of the window, the newest first: up to n, and 1,000 at
// most.
func (h *Hub) Recent(n int) []explain.Event {
	h.mu.Lock()
	defer h.mu.Unlock()

	var events []explain.Event
	for i := range max(0, min(n, mostRecent, h.history.Len())) {
		m := h.history.Back(i)
		events = append(events, *explain.EventOf(m, sentAt(m)))
	}
	return events
}

// RecentOf returns the last events of the window that are for a user, "" for a guest, the
// newest first: up to n, and 1,000 at most. Those that only a page's own watch covers are
// not among them.
func (h *Hub) RecentOf(user string, n int) []explain.Event {
	h.mu.Lock()
	defer h.mu.Unlock()

	var events []explain.Event
	for _, offset := range h.lastOf(user, min(n, mostRecent)) {
		m := h.history.At(offset)
		events = append(events, *explain.EventOf(m, sentAt(m)))
	}
	return events
}

// lastOf returns the offsets of the last events for a user, the newest first. Its cost
// depends on the number of the user's tags and on how many events it looks at: of each
// list only the last ones.
func (h *Hub) lastOf(user string, n int) []uint64 {
	var offsets []uint64
	for _, list := range h.listsFor(user) {
		for i := range min(list.Len(), lookedAt) {
			offsets = append(offsets, *list.At(list.Len() - 1 - i))
		}
	}
	slices.SortFunc(offsets, func(a, b uint64) int { return cmp.Compare(b, a) })
	offsets = slices.Compact(offsets)
	offsets = slices.DeleteFunc(offsets, func(offset uint64) bool { return !h.isForUser(h.history.At(offset), user) })
	return offsets[:max(0, min(len(offsets), n))]
}

// lookedAt bounds the events of one list that lastOf looks at.
const lookedAt = 200
