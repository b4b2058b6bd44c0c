package hub

import (
	"bytes"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/window"
)

// route assigns the newest message to every page at its address. The message of
// a secret event keeps its frame from being compressed.
func (h *Hub) route(secret bool) {
	m := h.history.Newest()
	last := h.round.lastBundle()
	if last != nil && last.size(conn.Arrays) < bundleBytes && bytes.Equal(last.addr, m.Addr()) && last.frame.Last+1 == m.Offset && sentAt(m) < last.until {
		h.round.extend(last, m, secret) // for the same pages: nothing has changed in between
		h.round.time(last)
		return
	}
	b := h.round.newBundle(h.epoch, m.Addr(), m)
	b.open = !secret
	h.round.time(b)
	for t := range envelope.Address(m.Addr()).Terms() {
		h.routeTerm(m, t, b)
	}
}

func (h *Hub) routeTerm(m *window.Message, t envelope.AddressTerm, b *bundle) {
	r := routing{round: h.round, sender: envelope.Address(m.Addr()).Sender(), except: h.exceptions(t.Except), bundle: b}
	if t.Shared {
		r.assign(h.roster.all)
		return
	}
	for user := range t.Users.All() {
		r.assign(h.roster.users[string(user)])
	}
	for tag := range t.Tags.All() {
		for w := range h.watches.covering(string(tag), sentAt(m)) {
			r.assign(h.roster.users[w.user])
			b.until = min(b.until, w.expires)
		}
		for _, w := range h.pageTags[string(tag)] {
			r.assignTo(w.page)
		}
	}
}

// A routing assigns one bundle to the pages at one term of its address.
type routing struct {
	round  *round
	sender []byte
	except map[string]struct{}
	bundle *bundle
}

// assign assigns the bundle to each of the pages, see assignTo.
func (r *routing) assign(pages []*Page) {
	for _, p := range pages {
		r.assignTo(p)
	}
}

// assignTo assigns the bundle to a page, unless the page is the sender, its user is
// excepted, or it will read the message from the window.
func (r *routing) assignTo(p *Page) {
	if p.behind || envelope.IsSender(r.sender, p.Client, p.User) {
		return
	}
	if r.bundle.relay && p.Form().IsHTML() {
		return // an html stream has no place for it
	}
	if _, excepted := r.except[p.User]; excepted && len(r.except) > 0 {
		return
	}
	r.round.assign(p, r.bundle)
}

// exceptions returns a list as a set, which is valid until the next call.
// Searching the list for each page would cost pages times exceptions.
func (h *Hub) exceptions(list envelope.List) map[string]struct{} {
	if list.N == 0 {
		return nil
	}
	if h.except == nil || len(h.except) > 1000 { // clear takes as long as the map was ever large
		h.except = make(map[string]struct{})
	}
	clear(h.except)
	for user := range list.All() {
		h.except[string(user)] = struct{}{}
	}
	return h.except
}
