package hub

import (
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/window"
)

const replayPage = 256 << 10 // bytes of a replay that leave together

// A replay is a part of what a session is behind. It is selected under the node's
// lock and encoded without it.
type replay struct {
	epoch    string
	messages []window.Message
	more     bool
}

// appendItems appends the messages as they wait for a session.
func (r *replay) appendItems(items []conn.Item) []conn.Item {
	items = slices.Grow(items, len(r.messages))
	for i := range r.messages {
		m := &r.messages[i]
		body := protocol.AppendMessage(make([]byte, 0, len(m.Body())+protocol.MaxIDBytes), m.Offset, m.Body())
		items = append(items, conn.Item{Body: body, Epoch: r.epoch, Last: m.Offset})
	}
	return items
}

// ReadOn reads on in the window for a session that is behind. When there is
// nothing more, the session is live.
func (n *Hub) ReadOn(s *Page) (items []conn.Item, more bool) {
	n.mu.Lock()
	r := n.read(s)
	n.mu.Unlock()

	return r.appendItems(nil), r.more
}

// read selects the next part of a replay; the caller holds mu.
func (n *Hub) read(s *Page) replay {
	r := replay{epoch: n.epoch}
	if !s.behind {
		return r
	}
	if !n.history.Covers(s.last) {
		s.CloseSlow() // the window has moved on while the page read
		return r
	}
	found := n.after(s.last, s.User)
	size, most := 0, min(replayPage, n.Conns.QueueBytes/2)
	now := time.Now().Unix()
	for i, offset := range found.Offsets {
		m := n.history.At(offset)
		if !n.reaches(m, s, now) {
			s.last = offset
			continue
		}
		if size += len(m.Body()) + protocol.MaxIDBytes; size > most && len(r.messages) > 0 {
			r.more = true
			return r
		}
		if r.messages == nil {
			r.messages = make([]window.Message, 0, len(found.Offsets)-i)
		}
		r.messages = append(r.messages, *m)
		s.last = offset
	}
	if r.more = !found.Complete; r.more {
		s.last = found.UpTo
	} else {
		s.behind = false
	}
	return r
}

// after selects what may be for a user after an offset.
func (n *Hub) after(offset uint64, user string) window.Selection {
	tags := n.watches.countOf(user)
	if tags > window.PageOffsets || n.history.CountAfter(offset) < tags {
		return n.history.After(offset) // to look at messages costs less than to look at tags
	}
	return window.Pick(offset, n.listsFor(user))
}

// listsFor returns the positions of everything that may be for a user.
func (n *Hub) listsFor(user string) []*window.Offsets {
	lists := []*window.Offsets{n.history.OfEveryone()}
	if user == "" {
		return lists
	}
	if list := n.history.OfUser(user); list != nil {
		lists = append(lists, list)
	}
	if n.watches.countOf(user) == 0 {
		return lists
	}
	for tag := range n.watches.tagsOf(user) {
		if list := n.history.OfTag(tag); list != nil {
			lists = append(lists, list)
		}
	}
	return lists
}

// reaches tells whether a message of the window is for a session.
func (n *Hub) reaches(m *window.Message, s *Page, now int64) bool {
	if int64(m.Expires) <= now { //nolint:gosec // seconds
		return false
	}
	if envelope.IsSender(envelope.Address(m.Addr()).Sender(), s.Client, s.User) {
		return false
	}
	return n.isFor(m, s.User)
}

// isFor tells whether the user is at a message's target. A guest has no name.
func (n *Hub) isFor(m *window.Message, user string) bool {
	for t := range envelope.Address(m.Addr()).Terms() {
		if (t.Shared || user != "" && n.isAt(t, user, m)) && !t.Except.Has(user) {
			return true
		}
	}
	return false
}

func (n *Hub) isAt(t envelope.AddressTerm, user string, m *window.Message) bool {
	if t.Users.Has(user) {
		return true
	}
	for tag := range t.Tags.All() {
		if n.watches.hears(user, string(tag), m) {
			return true
		}
	}
	return false
}
