package hub

import (
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/window"
)

const replayBytes = 256 << 10 // largest size of one part of a replay

// A replay is a part of the messages that a page still has to read from the
// window. It is selected under the hub's lock and encoded without it.
type replay struct {
	page     *Page
	epoch    string
	messages []window.Message
	more     bool // another part follows
}

// appendItems appends the encoded messages as the queue of a page holds them.
func (r *replay) appendItems(items []conn.Item) []conn.Item {
	items = slices.Grow(items, len(r.messages))
	form := r.page.Form()
	for i := range r.messages {
		m := &r.messages[i]
		v := r.variant(m)
		body := appendMessage(make([]byte, 0, r.size(m, &v)), form, r.epoch, m, &v)
		items = append(items, form.Item(body, r.epoch, m.Offset))
	}
	return items
}

// variant returns the variant in which the page gets a message.
func (r *replay) variant(m *window.Message) variant {
	w := personalOf(m)
	return w.variant(r.page)
}

// size returns roughly how many bytes a message has for the page.
func (r *replay) size(m *window.Message, v *variant) int {
	return len(m.Body()) + v.size() + r.page.Form().Version().Overhead()
}

// ReadOn returns the next part of the window for a page that is behind. Once
// there is no more, the page is live.
func (h *Hub) ReadOn(p *Page) (items []conn.Item, more bool) {
	r := h.readNext(p)
	h.stats.replayed.Add(uint64(len(r.messages)))
	return r.appendItems(nil), r.more
}

// readNext selects what ReadOn returns. A page that was removed gets nothing, although
// its connection may not be closed yet.
func (h *Hub) readNext(p *Page) replay {
	h.mu.Lock()
	defer h.mu.Unlock()

	if !h.roster.has(p) {
		return replay{page: p}
	}
	if p.behind {
		p.readsUpTo(h.history.Last())
	}
	return h.readWindow(p)
}

// readWindow selects the next part of a replay; the caller holds mu.
func (h *Hub) readWindow(p *Page) replay {
	r := replay{page: p, epoch: h.epoch}
	if !p.behind {
		return r
	}
	if h.isTooFarBehind(p) {
		p.CloseSlow()
		return r
	}
	found := h.selectAfter(p.last, p)
	size, most := 0, min(replayBytes, h.Conns.QueueBytes/2)
	now := time.Now().Unix()
	for i, offset := range found.Offsets {
		m := h.history.At(offset)
		if !h.isForPage(m, p, now) {
			p.last = offset
			continue
		}
		v := r.variant(m)
		if size += r.size(m, &v); size > most && len(r.messages) > 0 {
			r.more = true
			return r
		}
		if r.messages == nil {
			r.messages = make([]window.Message, 0, len(found.Offsets)-i)
		}
		r.messages = append(r.messages, *m)
		p.last = offset
	}
	if r.more = !found.Complete; r.more {
		p.last = found.UpTo
	} else {
		p.behind = false
	}
	return r
}

// isTooFarBehind reports whether the window, or what is kept of the user's watches, has
// moved on faster than the page reads.
func (h *Hub) isTooFarBehind(p *Page) bool {
	return !h.history.Covers(p.last) || h.watches.hasLost(p.User, p.last)
}

// selectAfter selects the messages after an offset that may be for a page.
func (h *Hub) selectAfter(offset uint64, p *Page) window.Selection {
	tags := h.watches.maxTagsOf(p.User) + p.watches.count()
	if tags > window.MaxSelection || h.history.CountAfter(offset) < tags {
		return h.history.After(offset) // checking messages costs less than checking tags
	}
	return window.Pick(offset, h.listsForPage(p))
}

// listsForPage returns the offsets of the messages that may be for a page.
func (h *Hub) listsForPage(p *Page) []*window.Offsets {
	lists := h.listsFor(p.User)
	if p.watches != nil {
		for _, w := range p.watches.tags {
			if list := h.history.OfTag(w.tag); list != nil {
				lists = append(lists, list)
			}
		}
	}
	return lists
}

// listsFor returns the offsets of the messages that may be for a user.
func (h *Hub) listsFor(user string) []*window.Offsets {
	lists := []*window.Offsets{h.history.OfEveryone()}
	if user == "" {
		return lists
	}
	if list := h.history.OfUser(user); list != nil {
		lists = append(lists, list)
	}
	if h.watches.maxTagsOf(user) == 0 {
		return lists
	}
	for tag := range h.watches.tagsOf(user) {
		if list := h.history.OfTag(tag); list != nil {
			lists = append(lists, list)
		}
	}
	return lists
}

// sentAt returns when a message was sent, in unix nanoseconds. It is never later
// than when this node received it: the clocks of other nodes may be wrong.
func sentAt(m *window.Message) int64 { return max(0, min(envelope.At(m.Raw()), m.Aged)) }

// isForPage reports whether a page that reads a message in the window gets it.
func (h *Hub) isForPage(m *window.Message, p *Page, now int64) bool {
	expired := int64(envelope.Expires(m.Raw())) <= now //nolint:gosec // seconds
	return !expired && h.isAddressedTo(m, p) && !h.isReplacedFor(m, p)
}

// isReplacedFor reports whether the window has a later message of the same series that
// is for the page, too, and for all its tabs: the page does not need this one. It does not matter whether the
// later one has expired, because this one is older.
func (h *Hub) isReplacedFor(m *window.Message, p *Page) bool {
	if !envelope.HasSeries(m.Raw()) {
		return false
	}
	for next := h.history.NextInSeries(m.Offset); next != 0; next = h.history.NextInSeries(next) {
		later := h.history.At(next)
		w := personalOf(later)
		if v := w.variant(p); v.tab == nil && h.isAddressedTo(later, p) {
			return true
		}
	}
	return false
}

// isAddressedTo reports whether a message of the window is for a page.
func (h *Hub) isAddressedTo(m *window.Message, p *Page) bool {
	if envelope.IsSender(envelope.Address(m.Addr()).Sender(), p.Client, p.User) {
		return false
	}
	return h.isForUser(m, p.User) || p.isForWatches(m)
}

// isForUser reports whether a message's address includes the user, "" for a
// guest.
func (h *Hub) isForUser(m *window.Message, user string) bool {
	for t := range envelope.Address(m.Addr()).Terms() {
		if (t.Shared || user != "" && h.isNamed(t, user, m)) && !t.Except.Has(user) {
			return true
		}
	}
	return false
}

// isNamed reports whether a term of a message's address names the user or a tag
// that the user watched.
func (h *Hub) isNamed(t envelope.AddressTerm, user string, m *window.Message) bool {
	if t.Users.Has(user) {
		return true
	}
	for tag := range t.Tags.All() {
		if h.watches.covers(user, string(tag), m) {
			return true
		}
	}
	return false
}
