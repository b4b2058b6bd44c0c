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
		h.extendWatch(user, tag, at)
		missed := h.missedMessages(user, tag, since, granted)
		if h.watches.grant(user, tag, since, at) {
			h.deliverMissed(user, &missed, func(p *Page) bool { from := p.recoveredFrom(); return from > 0 && from >= since })
			h.noteLate(user, missed.Offsets, granted, max(at, time.Now().UnixNano()))
		}
	}
}

// extendWatch extends a watch if there is one. An extension that was sent before the watch
// has expired may come into the log after messages that were sent later than that. Those
// are the user's after all.
func (h *Hub) extendWatch(user, tag string, at int64) {
	w := h.watches.all[watchKey{user, tag}]
	if w == nil || at >= w.expires {
		return
	}
	if h.history.Latest() < w.expires {
		h.watches.extend(user, tag, at)
		return
	}
	missed := h.missedMessages(user, tag, w.since, h.history.Last())
	h.watches.extend(user, tag, at)
	missed.Offsets = slices.DeleteFunc(missed.Offsets, func(offset uint64) bool { return !h.isForUser(h.history.At(offset), user) })
	if len(missed.Offsets) == 0 && missed.Complete {
		return
	}
	last := h.history.Last()
	if missed.Complete {
		last = missed.Offsets[len(missed.Offsets)-1]
	}
	h.deliverMissed(user, &missed, func(p *Page) bool { return p.from < last })
	h.noteLate(user, missed.Offsets, h.history.Last(), max(at, time.Now().UnixNano()))
}

// lateMessages are a selection of messages that a watch covers which has come into the log
// after them.
type lateMessages struct {
	window.Selection          // of those that were not for the user for another reason
	known            []uint64 // offsets of those that were
}

// missedMessages selects the messages to a tag between two offsets.
func (h *Hub) missedMessages(user, tag string, since, granted uint64) lateMessages {
	list := h.history.OfTag(tag)
	if list == nil || since+1 >= granted {
		return lateMessages{Selection: window.Selection{Complete: true}}
	}
	missed := lateMessages{Selection: window.Pick(since, []*window.Offsets{list})}
	missed.Offsets = slices.DeleteFunc(missed.Offsets, func(offset uint64) bool {
		known := h.isForUser(h.history.At(offset), user)
		if known {
			missed.known = append(missed.known, offset)
		}
		return known
	})
	return missed
}

// deliverMissed gives the pages of a user what a new watch makes theirs. A page may
// be past such a message. It cannot have the message in log order any more, and is
// notified of a gap if it was promised the message: with a new watch that is a page that
// recovered from the position from which the watch counts, or a later one. So is a page
// that would get more messages than one selection holds, and one that may lack another
// message that the watch covers.
func (h *Hub) deliverMissed(user string, missed *lateMessages, promised func(*Page) bool) {
	now := time.Now().Unix()
	for _, p := range h.roster.users[user] {
		switch {
		case h.mayLack(p, missed.known, now):
			h.scheduleGap(p)
		case !promised(p):
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

// mayLack reports whether a page was not given one of the messages that are for its user,
// because it had passed it when a watch made it the user's. It is not known any more
// whether the page was promised it.
func (h *Hub) mayLack(p *Page, offsets []uint64, now int64) bool {
	return p.course.has(passed) && slices.ContainsFunc(offsets, func(offset uint64) bool {
		m := h.history.At(offset)
		return offset <= p.recoveredFrom() && h.isForPage(m, p, now) && !p.isForWatches(m)
	})
}

// scheduleGap notifies a live page of a gap once the round is over. Until then it gets
// nothing that follows the watch: if it lost its connection in between, it would return
// from beyond the watch, and would not be notified.
func (h *Hub) scheduleGap(p *Page) {
	p.course.begin(startGrant) // one gap is enough
	p.course.set(passed)
	p.behind = false
	h.round.gapped = append(h.round.gapped, p)
}
