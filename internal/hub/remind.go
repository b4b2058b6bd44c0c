package hub

import (
	"time"

	"github.com/echo-pull/pull/internal/conn"
)

// TickSlots is over how many moments the work of a tick is spread.
const TickSlots = 25

// Remind gives each session of a slot a ping and, where it is not catching up,
// its position in the log.
func (n *Hub) Remind(o *conn.Nonblocking, slot int) {
	live, behind, epoch, settled := n.slot(slot)
	for _, s := range live {
		s.Remind(o, epoch, settled)
	}
	for _, s := range behind {
		s.Remind(o, "", 0) // of no log
	}
}

// slot returns the sessions of a slot, and up to where the live ones know
// everything for them.
func (n *Hub) slot(slot int) (live, behind []*Page, epoch string, settled uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()

	for _, s := range n.roster.turns[slot] {
		if s.behind {
			behind = append(behind, s)
			continue
		}
		s.last = max(s.last, n.settled)
		live = append(live, s)
	}
	return live, behind, n.epoch, n.settled
}

// sweepStep bounds how much of each kind one sweep lets go of.
const sweepStep = 1000

// Sweep lets go of some of what is too old to matter, and returns whether there
// is more.
func (n *Hub) Sweep(now time.Time) (more bool) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.roster.expireBans(now)
	more = n.watches.sweep(now.UnixNano(), sweepStep)
	more = n.presence.forget(now, sweepStep) || more
	return n.history.Evict(now.UnixNano(), max(0, n.history.Len()-sweepStep)) || more
}
