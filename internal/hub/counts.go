package hub

import "sync/atomic"

// Counts is a snapshot of what the hub holds, and of what it has counted since
// it was created.
type Counts struct {
	Pages, Users, Guests, Watches int

	Messages, Deliveries, Recovered, Gaps, Cut uint64

	WindowMessages, WindowBytes int

	PushesWaiting int
	PushesDropped uint64
}

// Counts returns a snapshot.
func (h *Hub) Counts() Counts {
	h.mu.Lock()
	defer h.mu.Unlock()

	c := Counts{
		Pages: len(h.roster.all), Users: h.presence.onlineCount(), Guests: h.roster.guests, Watches: len(h.watches.all),
		Messages: h.stats.messages.Load(), Deliveries: h.stats.deliveries.Load(),
		Recovered: h.stats.recovered.Load(), Gaps: h.stats.gaps.Load(), Cut: h.Conns.TooSlow.Load(),
		WindowMessages: h.history.Len(), WindowBytes: h.history.Size(),
	}
	if h.pending != nil {
		c.PushesWaiting, c.PushesDropped = h.pending.Len(), h.pending.Dropped
	}
	return c
}

// counters are the events that the hub has counted since it was created.
type counters struct {
	messages, deliveries, recovered, gaps atomic.Uint64
}
