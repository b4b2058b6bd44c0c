package hub

import "github.com/echo-pull/pull/internal/conn"

// A Page is a page that is connected, as the node knows it.
type Page struct {
	conn.Conn
	User, Client string

	// Guarded by node.mu.
	last   uint64 // the page knows everything for it up to this offset
	from   uint64 // the cursor it came with, if it has recovered
	slot   int32  // place in node.all
	place  int32  // place in node.turns …
	turn   uint8  // … of this slot of a tick, in which it is reminded
	behind bool   // messages after last are still to be read from the window

	due []*draft // what the dispatcher is about to hand over; its own
}
