package hub

import (
	"container/heap"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/session"
)

const (
	// askBefore is how long before the end of its session a page is asked to renew it,
	// and so how long it has for that.
	askBefore = 25 * time.Second

	// leastAsk is how much of a session has to be left for asking the page.
	leastAsk = 2 * time.Second
)

// A term is what the hub keeps of the session of a page. Pages whose login has neither an
// end nor an id have none: it is not in the Page, which would be larger for all.
type term struct {
	page  *Page
	lease *session.Lease
	next  time.Time // when the page is asked to renew the session, or if it was, when it is closed
	asked bool
	index int // in terms.byTime; -1 if the session has no end, or the page has not joined
}

// SetLease sets what the login of a page has beside its user. It is called before the
// page joins, and Leave afterwards in any case.
func (h *Hub) SetLease(p *Page, l *session.Lease) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.terms.set(p, l)
}

// LoginOf returns the login that a page has now.
func (h *Hub) LoginOf(p *Page) session.Login {
	h.mu.Lock()
	defer h.mu.Unlock()

	return session.Login{User: p.User, Lease: h.terms.leaseOf(p)}
}

// schedule sets what happens next to the page, and when. A page has half of a short
// session to renew it. The client of an html stream cannot renew it: it comes back with
// another request.
func (t *term) schedule(now time.Time) {
	left, _ := t.lease.Left(now)
	t.next, t.asked = now.Add(left), true
	if left >= leastAsk && !t.page.Form().IsHTML() {
		t.next, t.asked = now.Add(max(left-askBefore, left/2)), false
	}
}

// terms holds the terms of the pages. It is passive: its owner guards it.
type terms struct {
	byPage map[*Page]*term
	byTime byTime                 // of the pages that have joined …
	byID   map[session.ID][]*Page // … and these pages
}

func newTerms() terms {
	return terms{byPage: make(map[*Page]*term), byID: make(map[session.ID][]*Page)}
}

// set replaces the lease of a page; nil removes it. add makes it count.
func (t *terms) set(p *Page, l *session.Lease) {
	t.remove(p)
	if l != nil {
		t.byPage[p] = &term{page: p, lease: l, index: -1}
	}
}

// leaseOf returns the lease of a page, or nil.
func (t *terms) leaseOf(p *Page) *session.Lease {
	if one := t.byPage[p]; one != nil {
		return one.lease
	}
	return nil
}

// add makes the lease of a page count that has joined, and reports whether it has one.
func (t *terms) add(p *Page, now time.Time) bool {
	one := t.byPage[p]
	if one == nil {
		return false
	}
	if id := one.lease.ID; id != (session.ID{}) {
		t.byID[id] = append(t.byID[id], p)
	}
	if _, ends := one.lease.Left(now); ends {
		one.schedule(now)
		heap.Push(&t.byTime, one)
	}
	return true
}

// remove removes the lease of a page.
func (t *terms) remove(p *Page) {
	one := t.byPage[p]
	if one == nil {
		return
	}
	delete(t.byPage, p)
	if one.index >= 0 {
		heap.Remove(&t.byTime, one.index)
	}
	id := one.lease.ID
	pages := t.byID[id]
	i := slices.Index(pages, p)
	if i < 0 {
		return
	}
	if t.byID[id] = slices.Delete(pages, i, i+1); len(t.byID[id]) == 0 {
		delete(t.byID, id)
	}
}

// expectEnd makes the end of a session what happens next to a page that was asked.
func (t *terms) expectEnd(one *term, now time.Time) {
	left, _ := one.lease.Left(now)
	one.next, one.asked = now.Add(left), true
	heap.Fix(&t.byTime, one.index)
}

// due returns the term that something has to be done about first, or nil if that is
// later than now.
func (t *terms) due(now time.Time) *term {
	if len(t.byTime) == 0 || t.byTime[0].next.After(now) {
		return nil
	}
	return t.byTime[0]
}

// byTime is a heap of terms, the one whose moment is next on top. It implements
// [heap.Interface].
type byTime []*term //nolint:recvcheck // as the interface requires

func (b byTime) Len() int           { return len(b) }
func (b byTime) Less(i, j int) bool { return b[i].next.Before(b[j].next) }
func (b byTime) Swap(i, j int) {
	b[i], b[j] = b[j], b[i]
	b[i].index, b[j].index = i, j
}

func (b *byTime) Push(x any) {
	t := x.(*term) //nolint:forcetypeassert // nothing else is pushed
	t.index = len(*b)
	*b = append(*b, t)
}

func (b *byTime) Pop() any {
	last := len(*b) - 1
	t := (*b)[last]
	t.index, (*b)[last] = -1, nil
	*b = (*b)[:last]
	return t
}
