package pull

import (
	"bytes"
	"time"
)

// route gives the message at the offset to every session at its address.
func (n *node) route(offset uint64) {
	m := n.history.at(offset)
	var last *parcel
	if len(n.parcels) > 0 {
		last = n.parcels[len(n.parcels)-1]
	}
	if last != nil && last.size < parcelBytes && bytes.Equal(last.addr, m.addr) && last.last+1 == offset {
		last.add(m) // for the same sessions, on which nothing has changed in between
		return
	}
	p := n.parcel(m.addr, m)
	for t := range m.addr.terms() {
		n.routeTerm(m, t, p)
	}
}

// parcel begins a parcel with a message. The address nil takes no further ones.
func (n *node) parcel(to address, m *message) *parcel {
	var p *parcel
	if last := len(n.spare) - 1; last >= 0 {
		p, n.spare = n.spare[last], n.spare[:last]
	} else {
		p = new(parcel)
	}
	p.addr, p.epoch = to, n.epoch
	p.add(m)
	n.parcels = append(n.parcels, p)
	return p
}

func (n *node) routeTerm(m *message, t addressTerm, p *parcel) {
	r := routing{node: n, sender: m.addr.sender(), except: n.exceptions(t.except), parcel: p}
	if t.shared {
		r.to(n.all)
		return
	}
	for user := range t.users.all() {
		r.to(n.users[string(user)])
	}
	for tag := range t.tags.all() {
		for user := range n.watches.watchers(string(tag), m.at) {
			r.to(n.users[user])
		}
	}
}

// A routing is a message under way to the sessions at one term of its target.
type routing struct {
	node   *node
	sender []byte
	except map[string]struct{}
	parcel *parcel
}

func (r *routing) to(sessions []*session) {
	for _, s := range sessions {
		if s.behind || len(r.sender) > 0 && string(r.sender) == s.client {
			continue
		}
		if _, excepted := r.except[s.user]; excepted && len(r.except) > 0 {
			continue
		}
		r.node.hand(s, r.parcel)
	}
}

// exceptions returns a list as a set, which is valid until the next call: to look
// each session up in the list would cost their product.
func (n *node) exceptions(list stringList) map[string]struct{} {
	if list.n == 0 {
		return nil
	}
	if n.excepted == nil || len(n.excepted) > 1000 { // clear takes as long as the map was ever large
		n.excepted = make(map[string]struct{})
	}
	clear(n.excepted)
	for user := range list.all() {
		n.excepted[string(user)] = struct{}{}
	}
	return n.excepted
}

// hand puts a parcel among what the dispatcher is about to give to a session.
func (n *node) hand(s *session, p *parcel) {
	if len(s.due) == 0 {
		n.touched = append(n.touched, s)
	} else if s.due[len(s.due)-1] == p {
		return // at the target in more than one way
	}
	s.due = append(s.due, p)
	p.wanted = true
}

// reaches tells whether a message of the window is for a session.
func (n *node) reaches(m *message, s *session, now int64) bool {
	if m.addr == nil || int64(m.expires) <= now { //nolint:gosec // seconds
		return false
	}
	if sender := m.addr.sender(); len(sender) > 0 && string(sender) == s.client {
		return false
	}
	return n.isFor(m, s.user)
}

// isFor tells whether the user is at a message's target. A guest has no name.
func (n *node) isFor(m *message, user string) bool {
	for t := range m.addr.terms() {
		if (t.shared || user != "" && n.isAt(t, user, m)) && !t.except.has(user) {
			return true
		}
	}
	return false
}

func (n *node) isAt(t addressTerm, user string, m *message) bool {
	if t.users.has(user) {
		return true
	}
	for tag := range t.tags.all() {
		if n.watches.hears(user, string(tag), m) {
			return true
		}
	}
	return false
}

// page reads on in the window for a session that is behind. When there is
// nothing more, the session is live.
func (n *node) page(s *session) (items []item, more bool) {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.pageLocked(s)
}

func (n *node) pageLocked(s *session) (items []item, more bool) {
	if !s.behind {
		return nil, false
	}
	if !n.history.covers(s.last) {
		s.fallBehind() // the window has moved on while the page read
		return nil, false
	}
	found := n.after(s.last, s.user)
	size, most := 0, min(replayPage, n.bound/2)
	now := time.Now().Unix()
	for _, offset := range found.offsets {
		if m := n.history.at(offset); n.reaches(m, s, now) {
			body := appendMessage(make([]byte, 0, len(m.body)+maxIDBytes), m)
			if size += len(body); size > most && len(items) > 0 {
				return items, true
			}
			items = append(items, item{body: body, epoch: n.epoch, last: offset})
		}
		s.last = offset
	}
	if found.complete {
		s.behind = false
		return items, false
	}
	s.last = found.upTo
	return items, true
}

// after selects what may be for a user after an offset.
func (n *node) after(offset uint64, user string) selection {
	if n.history.last()-offset < uint64(n.watches.countOf(user)) { //nolint:gosec // a length
		return n.history.after(offset) // fewer messages than tags
	}
	return pick(offset, n.listsFor(user))
}

// listsFor returns the positions of everything that may be for a user.
func (n *node) listsFor(user string) []*offsets {
	lists := []*offsets{&n.history.shared}
	if user == "" {
		return lists
	}
	if list := n.history.users[user]; list != nil {
		lists = append(lists, list)
	}
	for tag := range n.watches.tagsOf(user) {
		if list := n.history.tags[tag]; list != nil {
			lists = append(lists, list)
		}
	}
	return lists
}
