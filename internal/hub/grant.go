package hub

import (
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/window"
)

// applyGrant applies a grant. The watch counts from the position at which the
// granting request began. The page rendered by that request therefore receives
// everything that happened since, although the grant itself came later in the
// log.
func (h *Hub) applyGrant(user string, from envelope.Cursor, tags []string, at int64) {
	granted := h.history.Last()
	since := granted
	if from.Epoch == h.epoch && from.Offset < granted {
		since = from.Offset
	}
	for _, tag := range tags {
		missed := h.missedMessages(user, tag, since, granted)
		if h.watches.grant(user, tag, since, at) {
			h.deliverMissed(user, missed, since)
			h.noteLate(user, missed.Offsets, granted, max(at, time.Now().UnixNano()))
		}
	}
}

// missedMessages selects the messages to a tag between two offsets that are not
// for the user for another reason.
func (h *Hub) missedMessages(user, tag string, since, granted uint64) window.Selection {
	list := h.history.OfTag(tag)
	if list == nil || since+1 >= granted {
		return window.Selection{Complete: true}
	}
	missed := window.Pick(since, []*window.Offsets{list})
	missed.Offsets = slices.DeleteFunc(missed.Offsets, func(offset uint64) bool {
		return h.isForUser(h.history.At(offset), user)
	})
	return missed
}

// deliverMissed gives the pages of a user what a new watch makes theirs. A page
// that recovered from the position from which the watch counts, or a later one,
// may be past such a message. It cannot have the message in log order any more
// and is notified of a gap. So is a page that would get more messages than one
// selection holds.
func (h *Hub) deliverMissed(user string, missed window.Selection, since uint64) {
	now := time.Now().Unix()
	for _, p := range h.roster.users[user] {
		from := p.recoveredFrom()
		counts := from > 0 && from >= since
		switch {
		case !counts:
			if late := h.deliverInOrder(p, missed.Offsets, now); late || !missed.Complete {
				p.pass(h.history.Last())
			}
		case !missed.Complete || h.deliverInOrder(p, missed.Offsets, now):
			h.scheduleGap(p)
		}
	}
}

// deliverInOrder gives a page the messages that it can still have in log order,
// and reports whether there are others.
func (h *Hub) deliverInOrder(p *Page, offsets []uint64, now int64) (late bool) {
	for _, offset := range offsets {
		m := h.history.At(offset)
		switch {
		case !h.isForPage(m, p, now), p.isForWatches(m): // it gets the message anyway
		case offset <= p.knownUpTo():
			late = true
		case !p.behind: // otherwise it reads the message from the window
			h.round.assign(p, h.round.newBundle(h.epoch, nil, m))
			if !p.early && offset <= h.settled {
				p.early = true
				h.round.early = append(h.round.early, p)
			}
		}
	}
	return late
}

// scheduleGap notifies a live page of a gap once the messages that are on their
// way to it have been delivered.
func (h *Hub) scheduleGap(p *Page) {
	p.course.begin(startGrant) // one gap is enough
	p.course.set(passed)
	h.round.gapped = append(h.round.gapped, p)
}
