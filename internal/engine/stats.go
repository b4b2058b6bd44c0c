package engine

import "time"

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
	WindowBytes     int // all that the node keeps for them, as Config.WindowBytes counts it

	PushesWaiting int    // notifications that wait, each for one user; the same on all nodes
	PushesDropped uint64 // notifications beyond 100 for one user, or 200,000 or 64 MiB for all

	// TxOutboxAge is the age of the oldest event of SendTx whose transaction is
	// committed and that has not left yet, or 0 if there is none. Every node
	// looks once a second. An age of more than a few seconds means that the
	// database or the log cannot be reached.
	TxOutboxAge time.Duration
}

// Stats returns the counters of this node. It is cheap enough for a metrics
// endpoint.
func (e *Engine) Stats() Stats {
	n := e.hub.Counts()
	events, bytes := e.publisher.Queued()
	return Stats{
		Sessions: n.Pages, Users: n.Users, Guests: n.Guests, Watches: n.Watches,
		Messages: n.Messages, Deliveries: n.Deliveries, Recovered: n.Recovered, Gaps: n.Gaps, Cut: n.Cut,
		PublisherEvents: events, PublisherBytes: bytes,
		WindowMessages: n.WindowMessages, WindowBytes: n.WindowBytes,
		PushesWaiting: n.PushesWaiting, PushesDropped: n.PushesDropped,
		TxOutboxAge: e.relay.oldest(),
	}
}
