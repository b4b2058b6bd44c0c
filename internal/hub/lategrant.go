package hub

import "slices"

// A lateGrant is a grant that came after messages which it covers. A page whose cursor is
// between them and the grant was beyond them when the grant came, and cannot get them in
// order any more.
type lateGrant struct {
	first   uint64 // offset of the first of the messages
	granted uint64 // offset of the grant
}

// lateOfUser bounds how many late grants of one user are kept. Beyond it, the oldest two
// count as one.
const lateOfUser = 16

// addLate records, until the time drop, a late grant of the user.
func (t *pastWatches) addLate(user string, late lateGrant, drop int64) {
	p := t.pastOf(user, drop)
	p.keep = max(p.keep, drop)
	if len(p.late) == lateOfUser {
		p.late[1].first = min(p.late[0].first, p.late[1].first)
		p.late = slices.Delete(p.late, 0, 1)
	}
	p.late = append(p.late, late)
}

// isPastLate reports whether a page of the user with a cursor at the offset may be beyond
// messages that a late grant covers.
func (t *pastWatches) isPastLate(user string, offset uint64) bool {
	p := t.users[user]
	return p != nil && slices.ContainsFunc(p.late, func(l lateGrant) bool { return l.first <= offset && offset < l.granted })
}

// noteLate records a grant that has made messages the user's which came before it.
func (h *Hub) noteLate(user string, missed []uint64, granted uint64, at int64) {
	i := slices.IndexFunc(missed, func(offset uint64) bool { return h.isForUser(h.history.At(offset), user) })
	if i >= 0 {
		h.watches.ended.addLate(user, lateGrant{missed[i], granted}, at+int64(h.watches.keep))
	}
}
