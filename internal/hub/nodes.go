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

// countOthers returns how many other nodes this one knows, also those that are gone.
func (h *Hub) countOthers() (n int) {
	for id, p := range h.presence.peers {
		if !p.self && !envelope.IsOutbox([]byte(id)) {
			n++
		}
	}
	return n
}

// otherNodesOf returns the ids of the other nodes that have announced the user, sorted,
// without those that are gone or about to be.
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
