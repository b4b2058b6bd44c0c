package hub

import (
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/grant"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/window"
)

const (
	// MaxPageGrants is the largest number of grants of one page.
	MaxPageGrants = 64

	// maxPageTags is the largest number of tags that one page watches by its grants.
	maxPageTags = 100
)

// A Presented is a grant that a page has presented, and what became of it.
type Presented struct {
	grant.Grant

	Text  string
	State protocol.GrantState // set before if the grant is refused; otherwise by the hub
}

// A pageWatch is a page's own subscription to a tag. It begins at once and ends
// with the connection. Other pages of the user do not have it.
type pageWatch struct {
	page  *Page
	tag   string
	since uint64 // covers messages after this offset
	began uint64 // … of which the page had passed those up to this one when the watch began
	index int32  // in the list of the tag
	uses  int32  // how many grants of the page have the tag
}

// pageWatches holds the watches of one page. A page that never had any has none. It is
// passive: its owner guards it.
type pageWatches struct {
	grants []pageGrant
	tags   []*pageWatch // each tag once
	ended  uint64       // watches that have ended may have covered messages up to this offset
}

type pageGrant struct {
	id   uint64
	tags []string
}

// count returns how many tags the page watches.
func (w *pageWatches) count() int {
	if w == nil {
		return 0
	}
	return len(w.tags)
}

// find returns the watch of a tag, or nil.
func (w *pageWatches) find(tag string) *pageWatch {
	if w == nil {
		return nil
	}
	for _, one := range w.tags {
		if one.tag == tag {
			return one
		}
	}
	return nil
}

// findGrant returns the index of a grant, or -1.
func (w *pageWatches) findGrant(id uint64) int {
	if w == nil {
		return -1
	}
	return slices.IndexFunc(w.grants, func(g pageGrant) bool { return g.id == id })
}

// hasRoom reports whether one more grant for these tags is within the bounds.
func (w *pageWatches) hasRoom(tags []string) bool {
	n := w.count()
	for _, tag := range tags {
		if w.find(tag) == nil {
			n++
		}
	}
	return n <= maxPageTags && (w == nil || len(w.grants) < MaxPageGrants)
}

// FitPage reports whether one page may have all of the grants.
func FitPage(presented []Presented) bool {
	var w pageWatches
	for i := range presented {
		g := &presented[i].Grant
		switch {
		case w.findGrant(g.ID) >= 0:
			continue
		case !w.hasRoom(g.Tags):
			return false
		}
		w.grants = append(w.grants, pageGrant{id: g.ID})
		for _, tag := range g.Tags {
			if w.find(tag) == nil {
				w.tags = append(w.tags, &pageWatch{tag: tag})
			}
		}
	}
	return true
}

// covers reports whether the watches cover a message at one term of whose address
// the page's user is not excepted.
func (w *pageWatches) covers(t envelope.AddressTerm, offset uint64) bool {
	for tag := range t.Tags.All() {
		if one := w.find(string(tag)); one != nil && one.since < offset {
			return true
		}
	}
	return false
}

// WatchPage makes a page watch what its grants permit, from now on. It reports
// whether the page is connected.
func (h *Hub) WatchPage(p *Page, presented []Presented) bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	if !h.roster.has(p) {
		return false
	}
	h.addPageWatches(p, presented, false)
	if hasGap(presented) {
		h.stats.gaps.Add(startGrant.cause(), 1)
	}
	return true
}

// UnwatchPage ends a page's watches of these grants. A tag that another grant of
// the page has stays.
func (h *Hub) UnwatchPage(p *Page, presented []Presented) {
	h.mu.Lock()
	defer h.mu.Unlock()

	for i := range presented {
		if at := p.watches.findGrant(presented[i].ID); at >= 0 {
			h.removePageGrant(p, at)
		}
	}
}

// addPageWatches makes a page watch what its grants permit. continues says that the
// page has recovered, and comes from a connection that had the renewed ones of them.
func (h *Hub) addPageWatches(p *Page, presented []Presented, continues bool) {
	for i := range presented {
		one := &presented[i]
		inForce := p.watches.findGrant(one.ID) >= 0
		switch {
		case inForce && one.State == protocol.GrantForeign: // of the session that the page had before
			one.State = protocol.GrantOK
		case one.State != "":
		case inForce:
			one.State = protocol.GrantOK
		case !p.watches.hasRoom(one.Tags):
			one.State = protocol.GrantLimit
		case continues && one.Renewed || !h.hasMissed(p, &one.Grant):
			one.State = protocol.GrantOK
			h.addPageGrant(p, &one.Grant)
		default:
			one.State = protocol.GrantGap
			one.From = envelope.Cursor{Epoch: h.epoch, Offset: h.positionOf(p)}
			h.addPageGrant(p, &one.Grant)
		}
	}
}

// hasGap reports whether a page that has presented grants may have missed something.
func hasGap(presented []Presented) bool {
	return slices.ContainsFunc(presented, func(one Presented) bool { return one.State == protocol.GrantGap })
}

// positionOf returns the offset up to which a page was assigned everything for it.
func (h *Hub) positionOf(p *Page) uint64 {
	if p.behind {
		return p.last
	}
	return h.history.Last()
}

// hasMissed reports whether a message to the tags of a grant is, or may be, between
// the grant and the position of the page, and is not for the page for another
// reason.
func (h *Hub) hasMissed(p *Page, g *grant.Grant) bool {
	position := h.positionOf(p)
	switch {
	case g.From.Epoch != h.epoch:
		return true
	case g.From.Offset >= position:
		return false
	case !h.history.Covers(g.From.Offset):
		return true
	}
	return slices.ContainsFunc(g.Tags, func(tag string) bool { return h.hasMissedOf(p, tag, g.From.Offset, position) })
}

// hasMissedOf is hasMissed for one tag, between two offsets that the window covers.
func (h *Hub) hasMissedOf(p *Page, tag string, from, position uint64) bool {
	list := h.history.OfTag(tag)
	if list == nil {
		return false
	}
	now := time.Now().Unix()
	found := window.Pick(from, []*window.Offsets{list})
	for _, offset := range found.Offsets {
		if offset > position {
			return false
		}
		if m := h.history.At(offset); h.isForTag(m, p, tag, now) && !h.wasGiven(m, p) {
			return true
		}
	}
	return !found.Complete && found.UpTo < position
}

// wasGiven reports whether the page has a message of before its position, or a later
// one of its series. It is not known of what precedes the cursor with which the page
// has connected, nor of a page that had none, or was notified of a gap.
func (h *Hub) wasGiven(m *window.Message, p *Page) bool {
	from := p.recoveredFrom()
	return from > 0 && m.Offset > from && h.isAddressedTo(m, p)
}

// isForTag reports whether a message would be for a page that watches the tag.
func (h *Hub) isForTag(m *window.Message, p *Page, tag string, now int64) bool {
	if int64(envelope.Expires(m.Raw())) <= now || envelope.IsSender(envelope.Address(m.Addr()).Sender(), p.Client, p.User) { //nolint:gosec // seconds
		return false
	}
	for t := range envelope.Address(m.Addr()).Terms() {
		if t.Tags.Has(tag) && !t.Except.Has(p.User) {
			return true
		}
	}
	return false
}

// isForWatches reports whether the page's own watches cover a message.
func (p *Page) isForWatches(m *window.Message) bool {
	if p.watches == nil {
		return false
	}
	for t := range envelope.Address(m.Addr()).Terms() {
		if p.watches.covers(t, m.Offset) && !t.Except.Has(p.User) {
			return true
		}
	}
	return false
}

// addPageGrant adds the watches of a grant. What comes after the position of the
// log is routed to the page, even if the grant is from a node that was ahead.
func (h *Hub) addPageGrant(p *Page, g *grant.Grant) {
	if p.watches == nil {
		p.watches = new(pageWatches)
		p.course.set(granted)
	}
	since := uint64(0)
	if g.From.Epoch == h.epoch {
		since = min(g.From.Offset, h.history.Last())
	}
	tags := make([]string, 0, len(g.Tags))
	for _, tag := range g.Tags {
		tags = append(tags, h.usePageWatch(p, tag, since).tag)
	}
	p.watches.grants = append(p.watches.grants, pageGrant{g.ID, tags})
}

// usePageWatch adds a watch, or one use to the watch that there is.
func (h *Hub) usePageWatch(p *Page, tag string, since uint64) *pageWatch {
	if w := p.watches.find(tag); w != nil {
		w.since = min(w.since, since)
		w.uses++
		return w
	}
	list := h.pageTags[tag]
	if len(list) > 0 {
		tag = list[0].tag // all watches of a tag share one copy of the string
	}
	w := &pageWatch{page: p, tag: tag, since: since, began: h.positionOf(p), index: int32(len(list)), uses: 1} //nolint:gosec // fewer than that
	h.pageTags[tag] = append(list, w)
	h.pageWatches++
	p.watches.tags = append(p.watches.tags, w)
	h.notePageWatch(tag, p.User)
	return w
}

// removePageGrant ends the watches that only one grant of a page has.
func (h *Hub) removePageGrant(p *Page, at int) {
	w := p.watches
	for _, tag := range w.grants[at].tags {
		one := w.find(tag)
		if one.uses--; one.uses > 0 {
			continue
		}
		i := slices.Index(w.tags, one)
		w.tags = slices.Delete(w.tags, i, i+1)
		h.removePageWatch(one)
	}
	w.grants, w.ended = slices.Delete(w.grants, at, at+1), h.history.Last()
}

// removePageWatch removes a watch from the list of its tag.
func (h *Hub) removePageWatch(w *pageWatch) {
	h.pageWatches--
	list := removeAt(h.pageTags[w.tag], int(w.index), func(moved *pageWatch) { moved.index = w.index })
	if h.pageTags[w.tag] = list; len(list) == 0 {
		delete(h.pageTags, w.tag)
	}
	h.notePageWatch(w.tag, w.page.User)
}

// dropPageWatches ends all watches of a page that has left.
func (h *Hub) dropPageWatches(p *Page) {
	if p.watches == nil {
		return
	}
	tags := p.watches.tags
	p.watches = nil
	for _, w := range tags {
		h.removePageWatch(w)
	}
}

// rebase moves the watches to another log, which is all new to the page.
func (w *pageWatches) rebase() {
	if w == nil {
		return
	}
	w.ended = 0
	for _, one := range w.tags {
		one.since, one.began = 0, 0
	}
}
