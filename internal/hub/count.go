package hub

import "sync/atomic"

// A Count is what the node has at a moment, and has had.
type Count struct {
	Sessions, Users, Guests, Watches int

	Messages, Deliveries, Recovered, Gaps, Cut uint64

	WindowMessages, WindowBytes int
}

func (n *Hub) Count() Count {
	n.mu.Lock()
	defer n.mu.Unlock()

	return Count{
		Sessions: len(n.roster.all), Users: n.presence.count(), Guests: n.roster.guests, Watches: len(n.watches.all),
		Messages: n.stats.messages.Load(), Deliveries: n.stats.deliveries.Load(),
		Recovered: n.stats.recovered.Load(), Gaps: n.stats.gaps.Load(), Cut: n.Conns.Cut.Load(),
		WindowMessages: n.history.Len(), WindowBytes: n.history.Weight(),
	}
}

// counters are what Stats tells of the past.
type counters struct {
	messages, deliveries, recovered, gaps atomic.Uint64
}
