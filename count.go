package pull

import "sync/atomic"

// A count is what the node has at a moment, and has had.
type count struct {
	sessions, users, guests, watches int

	messages, deliveries, recovered, gaps, cut uint64

	windowMessages, windowBytes int
}

func (n *node) count() count {
	n.mu.Lock()
	defer n.mu.Unlock()

	return count{
		sessions: len(n.roster.all), users: n.presence.count(), guests: n.roster.guests, watches: len(n.watches.all),
		messages: n.stats.messages.Load(), deliveries: n.stats.deliveries.Load(),
		recovered: n.stats.recovered.Load(), gaps: n.stats.gaps.Load(), cut: n.conns.Cut.Load(),
		windowMessages: n.history.Len(), windowBytes: n.history.Weight(),
	}
}

// counters are what Stats tells of the past.
type counters struct {
	messages, deliveries, recovered, gaps atomic.Uint64
}
