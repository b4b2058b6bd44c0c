package hub

import (
	"iter"
	"maps"
	"slices"

	"github.com/echo-pull/pull/internal/window"
)

// pastWatches are watches that have ended. They are kept for as long as the
// window may hold messages that they heard: a page that comes back has a right
// to them. Of one user they are bounded: beyond that the oldest are forgotten,
// and a page that would need them is told of a gap. It is passive: its owner
// guards it.
type pastWatches struct {
	most   int // of a user
	users  map[string]*past
	expiry window.Deque[pastExpiry] // of each user one
}

// pastOfTag bounds how many ended watches of one user and one tag are kept.
const pastOfTag = 16

// A past is what one user has watched.
type past struct {
	watches window.Deque[pastWatch] // the first ended first
	byTag   map[string][]*watch
	lost    uint64 // up to this offset watches that are forgotten may have heard something
}

type pastWatch struct {
	watch  *watch
	forget int64 // unix nanoseconds
}

// A pastExpiry is when to look what of a user's past can be forgotten.
type pastExpiry struct {
	user string
	at   int64 // unix nanoseconds
}

func newPastWatches(most int) pastWatches {
	return pastWatches{most: most, users: make(map[string]*past)}
}

// of returns a user's past, which is looked at first at a time.
func (t *pastWatches) of(user string, at int64) *past {
	p := t.users[user]
	if p == nil {
		p = &past{byTag: make(map[string][]*watch)}
		t.users[user] = p
		t.expiry.Push(pastExpiry{user, at})
	}
	return p
}

// add keeps a watch until a time.
func (t *pastWatches) add(w *watch, forget int64) {
	p := t.of(w.user, forget)
	for t.most > 0 && p.watches.Len() >= t.most {
		p.lost = max(p.lost, p.dropFirst().end())
	}
	if len(p.byTag[w.tag]) == pastOfTag {
		p.lost = max(p.lost, p.byTag[w.tag][0].end())
		p.byTag[w.tag] = slices.Delete(p.byTag[w.tag], 0, 1)
	}
	p.watches.Push(pastWatch{w, forget})
	p.byTag[w.tag] = append(p.byTag[w.tag], w)
}

// end is an offset from which on the watch has heard nothing.
func (w *watch) end() uint64 {
	if w.until == 0 {
		return ^uint64(0) // of the process before this one, and expired: only times tell
	}
	return w.until
}

func (p *past) dropFirst() *watch {
	w := p.watches.Pop().watch
	if p.byTag[w.tag] = slices.DeleteFunc(p.byTag[w.tag], func(other *watch) bool { return other == w }); len(p.byTag[w.tag]) == 0 {
		delete(p.byTag, w.tag)
	}
	return w
}

// sweep forgets some of what no replay can need, and tells whether there may be
// more.
func (t *pastWatches) sweep(now int64, most int) bool {
	for range most {
		if t.expiry.Len() == 0 || t.expiry.At(0).at > now {
			return false
		}
		e := t.expiry.At(0)
		p := t.users[e.user]
		if p.watches.Len() > 0 && p.watches.At(0).forget <= now {
			p.dropFirst()
			continue
		}
		t.expiry.Pop()
		if p.watches.Len() == 0 {
			delete(t.users, e.user)
		} else {
			t.expiry.Push(pastExpiry{e.user, p.watches.At(0).forget})
		}
	}
	return true
}

func (t *pastWatches) everything() []*watch {
	var all []*watch
	for _, p := range t.users {
		for i := range p.watches.Len() {
			all = append(all, p.watches.At(i).watch)
		}
	}
	return all
}

func (t *pastWatches) tagsOf(user string) iter.Seq[string] {
	p := t.users[user]
	if p == nil {
		return func(func(string) bool) {}
	}
	return maps.Keys(p.byTag)
}

func (t *pastWatches) countOf(user string) int {
	if p := t.users[user]; p != nil {
		return len(p.byTag)
	}
	return 0
}

func (t *pastWatches) hears(user, tag string, m *window.Message) bool {
	p := t.users[user]
	return p != nil && slices.ContainsFunc(p.byTag[tag], func(w *watch) bool { return w.hears(m) })
}

// lose notes until a time that watches are forgotten which have heard something up
// to an offset.
func (t *pastWatches) lose(user string, upTo uint64, forget int64) {
	p := t.of(user, forget)
	p.lost = max(p.lost, upTo)
}

// losses returns what was noted so.
func (t *pastWatches) losses() map[string]uint64 {
	all := make(map[string]uint64)
	for user, p := range t.users {
		if p.lost > 0 {
			all[user] = p.lost
		}
	}
	return all
}

func (t *pastWatches) lostUpTo(user string) uint64 {
	if p := t.users[user]; p != nil {
		return p.lost
	}
	return 0
}
