package hub

import (
	"iter"
	"maps"
	"slices"

	"github.com/echo-pull/pull/internal/window"
)

// pastWatches holds watches that have ended. They are kept for as long as the
// window may hold messages that they covered: a page that returns must get
// those. The watches kept of one user are bounded. Beyond the bound the oldest
// are dropped, and a page that would need them is notified of a gap. It is
// passive: its owner guards it.
type pastWatches struct {
	most   int // of a user
	users  map[string]*past
	expiry window.Deque[pastExpiry] // one of each user
}

// pastOfTag bounds how many ended watches of one user and one tag are kept.
const pastOfTag = 16

// A past holds the ended watches of one user.
type past struct {
	watches window.Deque[pastWatch] // in the order in which they ended
	byTag   map[string][]*watch
	late    []lateGrant
	keep    int64  // until when late is kept, unix nanoseconds
	lost    uint64 // dropped watches may have covered messages up to this offset
}

type pastWatch struct {
	watch *watch
	drop  int64 // when it can be dropped, unix nanoseconds
}

// A pastExpiry is when to check what can be dropped of a user's past.
type pastExpiry struct {
	user string
	at   int64 // unix nanoseconds
}

func newPastWatches(most int) pastWatches {
	return pastWatches{most: most, users: make(map[string]*past)}
}

// pastOf returns a user's past. A new one is first checked at the time.
func (t *pastWatches) pastOf(user string, at int64) *past {
	p := t.users[user]
	if p == nil {
		p = &past{byTag: make(map[string][]*watch)}
		t.users[user] = p
		t.expiry.Push(pastExpiry{user, at})
	}
	return p
}

// add keeps a watch until the time drop.
func (t *pastWatches) add(w *watch, drop int64) {
	p := t.pastOf(w.user, drop)
	for t.most > 0 && p.watches.Len() >= t.most {
		p.lost = max(p.lost, p.dropFirst().end())
	}
	if len(p.byTag[w.tag]) == pastOfTag {
		p.lost = max(p.lost, p.byTag[w.tag][0].end())
		p.byTag[w.tag] = slices.Delete(p.byTag[w.tag], 0, 1)
	}
	p.watches.Push(pastWatch{w, drop})
	p.byTag[w.tag] = append(p.byTag[w.tag], w)
}

// end returns an offset from which on the watch covers nothing.
func (w *watch) end() uint64 {
	if w.until == 0 {
		return ^uint64(0) // an expired watch of an earlier process: only its time is known
	}
	return w.until
}

// dropFirst drops the watch that ended first, and returns it.
func (p *past) dropFirst() *watch {
	w := p.watches.Pop().watch
	if p.byTag[w.tag] = slices.DeleteFunc(p.byTag[w.tag], func(other *watch) bool { return other == w }); len(p.byTag[w.tag]) == 0 {
		delete(p.byTag, w.tag)
	}
	return w
}

// dropOld drops up to most watches that no replay can need, and reports whether
// there may be more.
func (t *pastWatches) dropOld(now int64, most int) bool {
	for range most {
		if t.expiry.Len() == 0 || t.expiry.At(0).at > now {
			return false
		}
		e := t.expiry.At(0)
		p := t.users[e.user]
		if p.watches.Len() > 0 && p.watches.At(0).drop <= now {
			p.dropFirst()
			continue
		}
		t.expiry.Pop()
		switch {
		case p.watches.Len() > 0:
			t.expiry.Push(pastExpiry{e.user, p.watches.At(0).drop})
		case p.keep > now:
			t.expiry.Push(pastExpiry{e.user, p.keep})
		default:
			delete(t.users, e.user)
		}
	}
	return true
}

// everything returns all ended watches.
func (t *pastWatches) everything() []*watch {
	var all []*watch
	for _, p := range t.users {
		for i := range p.watches.Len() {
			all = append(all, p.watches.At(i).watch)
		}
	}
	return all
}

// tagsOf yields the tags, each once, of the user's ended watches.
func (t *pastWatches) tagsOf(user string) iter.Seq[string] {
	p := t.users[user]
	if p == nil {
		return func(func(string) bool) {}
	}
	return maps.Keys(p.byTag)
}

// countTags returns how many tags tagsOf yields.
func (t *pastWatches) countTags(user string) int {
	if p := t.users[user]; p != nil {
		return len(p.byTag)
	}
	return 0
}

// covers reports whether one of the user's ended watches of the tag covers the
// message.
func (t *pastWatches) covers(user, tag string, m *window.Message) bool {
	p := t.users[user]
	return p != nil && slices.ContainsFunc(p.byTag[tag], func(w *watch) bool { return w.covers(m) })
}

// addLoss records, until the time drop, that watches of the user were dropped
// that may have covered messages up to an offset.
func (t *pastWatches) addLoss(user string, upTo uint64, drop int64) {
	p := t.pastOf(user, drop)
	p.lost = max(p.lost, upTo)
}

// losses returns for each user with dropped watches the offset up to which they
// may have covered messages.
func (t *pastWatches) losses() map[string]uint64 {
	all := make(map[string]uint64)
	for user, p := range t.users {
		if p.lost > 0 {
			all[user] = p.lost
		}
	}
	return all
}

// lostUpTo returns the loss of one user, or 0.
func (t *pastWatches) lostUpTo(user string) uint64 {
	if p := t.users[user]; p != nil {
		return p.lost
	}
	return 0
}
