package pull

import "sync/atomic"

// Stats is a snapshot of the counters of a plugin on this node.
type Stats struct {
	Sessions int // live connections
	Users    int // users who are online, on all nodes
	Guests   int // sessions without a user
	Watches  int

	Messages   uint64 // events received from the log
	Deliveries uint64 // hand-overs to sessions, each of one or more messages
	Recovered  uint64 // sessions that resumed from a cursor
	Gaps       uint64 // sessions that were notified of a gap
	Cut        uint64 // sessions that were closed because they were too slow

	PublisherEvents int // events collected or waiting for the broker
	PublisherBytes  int
	WindowMessages  int // events in the window
	WindowBytes     int
}

// Stats returns the counters of this node. It is cheap enough for a metrics
// endpoint.
func (p *Plugin) Stats() Stats {
	events, bytes := p.publisher.Queued()
	n := p.node
	n.mu.Lock()
	defer n.mu.Unlock()

	return Stats{
		Sessions: len(n.all), Users: n.presence.count(), Guests: n.guests, Watches: len(n.watches.all),
		Messages: n.stats.messages.Load(), Deliveries: n.stats.deliveries.Load(),
		Recovered: n.stats.recovered.Load(), Gaps: n.stats.gaps.Load(), Cut: n.conns.Cut.Load(),
		PublisherEvents: events, PublisherBytes: bytes,
		WindowMessages: n.history.Len(), WindowBytes: n.history.Weight(),
	}
}

// counters are what Stats tells of the past.
type counters struct {
	messages, deliveries, recovered, gaps atomic.Uint64
}
