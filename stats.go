package pull

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
	n := p.node.count()
	events, bytes := p.publisher.Queued()
	return Stats{
		Sessions: n.sessions, Users: n.users, Guests: n.guests, Watches: n.watches,
		Messages: n.messages, Deliveries: n.deliveries, Recovered: n.recovered, Gaps: n.gaps, Cut: n.cut,
		PublisherEvents: events, PublisherBytes: bytes,
		WindowMessages: n.windowMessages, WindowBytes: n.windowBytes,
	}
}
