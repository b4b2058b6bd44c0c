package hub

import (
	"bytes"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/window"
)

// route gives the newest message to every session at its address.
func (n *Hub) route() {
	m := n.history.Newest()
	last := n.round.last()
	if last != nil && last.size < parcelBytes && bytes.Equal(last.addr, m.Addr()) && last.frame.Last+1 == m.Offset {
		last.add(m) // for the same sessions, on which nothing has changed in between
		return
	}
	p := n.round.parcel(n.epoch, m.Addr(), m)
	for t := range envelope.Address(m.Addr()).Terms() {
		n.routeTerm(m, t, p)
	}
}

func (n *Hub) routeTerm(m *window.Message, t envelope.AddressTerm, p *draft) {
	r := routing{node: n, sender: envelope.Address(m.Addr()).Sender(), except: n.exceptions(t.Except), parcel: p}
	if t.Shared {
		r.to(n.roster.all)
		return
	}
	for user := range t.Users.All() {
		r.to(n.roster.users[string(user)])
	}
	for tag := range t.Tags.All() {
		for user := range n.watches.watchers(string(tag), m.At) {
			r.to(n.roster.users[user])
		}
	}
}

// A routing is a message under way to the sessions at one term of its target.
type routing struct {
	node   *Hub
	sender []byte
	except map[string]struct{}
	parcel *draft
}

func (r *routing) to(sessions []*Page) {
	for _, s := range sessions {
		if s.behind || envelope.IsSender(r.sender, s.Client, s.User) {
			continue
		}
		if _, excepted := r.except[s.User]; excepted && len(r.except) > 0 {
			continue
		}
		r.node.round.give(s, r.parcel)
	}
}

// exceptions returns a list as a set, which is valid until the next call: to look
// each session up in the list would cost their product.
func (n *Hub) exceptions(list envelope.List) map[string]struct{} {
	if list.N == 0 {
		return nil
	}
	if n.excepted == nil || len(n.excepted) > 1000 { // clear takes as long as the map was ever large
		n.excepted = make(map[string]struct{})
	}
	clear(n.excepted)
	for user := range list.All() {
		n.excepted[string(user)] = struct{}{}
	}
	return n.excepted
}
