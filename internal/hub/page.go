package hub

import "github.com/echo-pull/pull/internal/conn"

// A Page is a connected page, as the hub knows it.
type Page struct {
	conn.Conn
	User, Client string

	watches *pageWatches // the page's own; nil if it has none; guarded by Hub.mu

	// Guarded by Hub.mu.
	last      uint64 // the page has been given everything for it up to this offset
	from      uint64 // … and after this one: its cursor, or where it has joined without one, or its last gap
	began     uint32 // unix second in which the page has joined; 0 before that
	missed    uint32 // how many offsets after from the page has read from the window before it was live
	index     int32  // in roster.all
	slotIndex int32  // index in roster.slots[slot]
	looking   uint32 // unix second until which the user looks at the page, as far as the page has reported
	slot      uint8  // the slot of a tick in which the page gets its ping
	behind    bool   // the page still has to read messages after last from the window
	early     bool   // messages of before the settled position are on their way to it: no tick may overtake them
	course    course // how the connection began, and what has happened since

	// due are the bundles that the dispatcher is about to deliver. apply adds
	// them under Hub.mu; then the dispatcher and its workers own them until the
	// round is over.
	due []*bundle
}

// knownUpTo returns the offset up to which the page has, or is about to have,
// everything for it.
func (p *Page) knownUpTo() uint64 {
	if len(p.due) > 0 {
		return max(p.last, p.due[len(p.due)-1].frame.Last)
	}
	return p.last
}
