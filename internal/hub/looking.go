package hub

import (
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// lookFor is how long a page that was used counts as being looked at. A page that
// is used reports that once a minute.
const lookFor = 5 * time.Minute

// SetLooking records whether the user looks at a page. A look makes the
// notifications of what was sent before unnecessary. A page that is hidden has
// received what was sent to it before.
func (h *Hub) SetLooking(p *Page, looking bool, now time.Time) { //nolint:revive // what the page reports, not a mode
	h.mu.Lock()
	defer h.mu.Unlock()

	if h.pending == nil || p.User == "" {
		return
	}
	if p.looking = 0; !looking {
		return
	}
	p.looking = uint32(now.Add(lookFor).Unix()) //nolint:gosec // until 2106
	if h.pending.Awaits(p.User) {
		h.pending.Confirmed(p.User)
		h.config.Publish(envelope.Control(envelope.KindLooked, now, h.currentPosition(), p.User))
	}
}

// isLookedAt reports whether the user looks at the page. The caller holds mu.
func (p *Page) isLookedAt(now time.Time) bool { return int64(p.looking) > now.Unix() }

// isLooking reports whether a user looks at a page of this node. The caller holds
// mu.
func (h *Hub) isLooking(user string, now time.Time) bool {
	return slices.ContainsFunc(h.roster.users[user], func(p *Page) bool { return p.isLookedAt(now) })
}

// pageLost makes due what was held because of a page whose connection has turned
// out to be dead. A page that only lost its connection returns within the
// patience. The caller holds mu.
func (h *Hub) pageLost(p *Page, now time.Time) {
	if h.pending == nil || p.looking == 0 || h.isLooking(p.User, now) { // the look may have run out since
		return
	}
	if h.pending.Dead(p.User, now.Add(-h.deadAfter()), now.Add(max(h.config.PushPatience, newsWait))) {
		h.config.Publish(envelope.Control(envelope.KindMissed, now, p.User))
		h.config.PushDue()
	}
}
