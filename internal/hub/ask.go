package hub

import (
	"slices"

	"github.com/echo-pull/pull/internal/envelope"
)

// asks are the commands of this node that every node has to follow, by the name that
// they have in the log. It is passive: its owner guards it.
type asks map[string]*ask

// An ask is a command that is on its way.
type ask struct {
	read  bool     // it has come back from the log
	nodes []string // that had to follow it at this point of the log, and have not reported that they have
}

// Ask makes the hub watch for the reports of a command. It is called before the command
// is published; Unask ends it.
func (h *Hub) Ask(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if h.asks == nil {
		h.asks = make(asks)
	}
	h.asks[name] = new(ask)
}

// Unask forgets a command.
func (h *Hub) Unask(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()

	delete(h.asks, name)
}

// Unfollowed returns the nodes that have not reported that they have followed a command,
// sorted, without those that are gone. read is false until the command has come back from
// the log: before that, the nodes are not known.
func (h *Hub) Unfollowed(name string) (nodes []string, read bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	a := h.asks[name]
	if a == nil {
		return nil, false
	}
	a.nodes = slices.DeleteFunc(a.nodes, func(id string) bool { return !h.presence.isRunning(id) })
	return slices.Clone(a.nodes), a.read
}

// confirmAsk records that a command of this node has come back from the log. A node that
// starts later reads it before its first page connects.
func (h *Hub) confirmAsk(name string) {
	if a := h.asks[name]; a != nil && !a.read {
		a.read, a.nodes = true, h.presence.runningPeers()
	}
}

// applyDone records that a node has followed a command.
func (h *Hub) applyDone(node string, list []string) {
	for _, name := range list {
		if a := h.asks[name]; a != nil {
			a.nodes = slices.DeleteFunc(a.nodes, func(id string) bool { return id == node })
		}
	}
}

// follow makes the node report that it has followed a command, once it has closed the
// pages. No node waits for one that has not begun to serve pages.
func (h *Hub) follow(name string) {
	if h.applied.Load() > 0 {
		h.round.followed = append(h.round.followed, name)
	}
}

// runningPeers returns the other nodes that run, as far as is known, sorted.
func (p *presence) runningPeers() []string {
	var nodes []string
	for id := range p.peers {
		if id != p.self && p.isRunning(id) {
			nodes = append(nodes, id)
		}
	}
	slices.Sort(nodes)
	return nodes
}

// isRunning reports whether a node runs, as far as is known.
func (p *presence) isRunning(id string) bool {
	peer := p.peers[id]
	return peer != nil && !peer.expired && !peer.stopping && !envelope.IsOutbox([]byte(id))
}
