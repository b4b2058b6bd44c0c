package hub

import "time"

// sweepStep bounds how much of each kind one sweep drops.
const sweepStep = 1000

// Sweep drops some of what is too old to matter, and reports whether there may
// be more. One call holds the lock only for a short time.
func (h *Hub) Sweep(now time.Time) (more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.roster.expireBans(now)
	h.ends.expire(now)
	more = h.history.Evict(now.UnixNano(), max(0, h.history.Len()-sweepStep))
	h.releaseLog()
	if !more { // as long as the window has old messages, pages need the watches that cover them
		more = h.watches.dropOld(now.UnixNano(), sweepStep)
	}
	more = h.uses.expire(now, sweepStep) || more
	return h.presence.dropLastSeen(now, sweepStep) || more
}

// SweepPresence ends graces that are over, and removes the users of nodes that
// have been silent too long.
func (h *Hub) SweepPresence(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.presence.endGraces(now)
	if h.lists.postponed {
		h.requestUsers(now)
	}
	h.announce()
	h.addChanges(h.presence.expireNodes(now, max(h.history.MaxAge(), h.watches.ttl)+NodeTimeout))
	if h.pending != nil {
		h.pending.Expire(now, sweepStep)
	}
	h.claimNotes()
	h.claimLongOrphans(now)
}
