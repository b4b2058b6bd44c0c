package hub

import "github.com/echo-pull/pull/internal/conn"

// TickSlots is the number of slots over which the work of a tick is spread.
const TickSlots = 25

// SendTicks sends each page of a slot a ping and, unless messages before that are
// still to come, its position in the log.
func (h *Hub) SendTicks(o *conn.Nonblocking, slot int) {
	live, behind, epoch, settled := h.pagesOfSlot(slot)
	for _, p := range live {
		p.SendTick(o, epoch, settled)
	}
	for _, p := range behind {
		p.SendTick(o, "", 0) // no position
	}
}

// pagesOfSlot returns the pages of a slot, and the position up to which the
// live ones have everything for them.
func (h *Hub) pagesOfSlot(slot int) (live, behind []*Page, epoch string, settled uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()

	for _, p := range h.roster.slots[slot] {
		if p.behind || p.early {
			behind = append(behind, p)
			continue
		}
		p.last = max(p.last, h.settled)
		live = append(live, p)
	}
	return live, behind, h.epoch, h.settled
}
