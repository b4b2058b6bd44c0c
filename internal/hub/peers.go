package hub

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	BeatEvery = 20 * time.Second     // how often a node says that it is alive
	deadNode  = 65 * time.Second     // a node is gone when nothing was heard for so long
	cutOff    = deadNode - BeatEvery // … and this node is cut off from the log
	newcomer  = 25 * time.Second     // … or for so long since this node began, if only before
)

// A Change is a user coming online or going offline, on all nodes together.
type Change struct {
	User   string
	Online bool
	Ours   bool // this node is the one that tells the application
}

// A peer is what this node knows of a node, itself included, from the log.
type peer struct {
	seq   uint64    // of its last message
	at    int64     // unix nanoseconds, of its last message; as clocks go
	heard time.Time // by this node's clock: a node whose clock is wrong lives as well
	self  bool      // it is this one
	bye   bool      // it has said that it stops
	dead  bool      // nothing was heard for too long; its users were let go
	users map[string]uint32
	roll  uint32 // number of the list of its users that is being read; users carry that of the last one that named them
	open  bool   // the list has begun and not ended
}

// hear notes a sign of life of a node, sent at one time and heard at another,
// and tells whether the message is new.
func (p *presence) hear(node []byte, seq uint64, at int64, heard time.Time) (*peer, bool) {
	n := p.peers[string(node)]
	if n == nil {
		n = &peer{self: string(node) == p.self, users: make(map[string]uint32)}
		p.peers[string(node)] = n
	}
	fresh := seq > n.seq
	n.seq, n.at = max(n.seq, seq), max(n.at, at)
	if n.self && !n.heard.IsZero() && heard.Sub(n.heard) > cutOff {
		p.back = heard
	}
	if heard.After(n.heard) {
		n.heard = heard
	}
	return n, fresh
}

// online notes users that a node has announced.
func (p *presence) online(n *peer, users []string) []Change {
	var changes []Change
	for _, user := range users {
		_, known := n.users[user]
		n.users[user] = n.roll
		if known {
			continue
		}
		before := p.countOnlyHere(user)
		if p.users[user]++; p.users[user] == 1 {
			changes = append(changes, Change{user, true, n.self})
		}
		p.onlyHere += p.countOnlyHere(user) - before
	}
	return changes
}

// offline notes users that a node no longer has. tells says whether this node
// tells the application.
func (p *presence) offline(n *peer, users []string, at int64, tells bool) []Change {
	var changes []Change
	for _, user := range users {
		if _, known := n.users[user]; !known {
			continue
		}
		before := p.countOnlyHere(user)
		delete(n.users, user)
		if p.users[user]--; p.users[user] == 0 {
			delete(p.users, user)
			p.remember(user, at)
			changes = append(changes, Change{user, false, tells})
		}
		p.onlyHere += p.countOnlyHere(user) - before
	}
	return changes
}

// list notes a part of a list of all users that a node has, "2/3" and the users
// of it. Whoever is in none of its parts has left.
func (p *presence) list(n *peer, list []string, at int64) []Change {
	if len(list) == 0 {
		return nil
	}
	part, parts, _ := strings.Cut(list[0], "/")
	if part == "1" {
		n.roll++
		n.open = true
	}
	changes := p.online(n, list[1:])
	if !n.open || part != parts {
		return changes
	}
	n.open = false
	var left []string
	for user, roll := range n.users {
		if roll != n.roll {
			left = append(left, user)
		}
	}
	return append(changes, p.offline(n, left, at, n.self)...)
}

// listOf returns the parts of a list of users.
func listOf(users []string) [][]string {
	parts := max(1, (len(users)+rollUsers-1)/rollUsers)
	all := make([][]string, parts)
	for i := range all {
		some := users[i*rollUsers : min((i+1)*rollUsers, len(users))]
		all[i] = append([]string{strconv.Itoa(i+1) + "/" + strconv.Itoa(parts)}, some...)
	}
	return all
}

// bury lets the users of nodes go of which nothing was heard while this node heard
// itself: one that is cut off from the log knows nothing of others. A node is
// remembered for as long as it may send again what the log has had from it.
func (p *presence) bury(now time.Time, remember time.Duration) []Change {
	self := p.peers[p.self]
	if self != nil && now.Sub(self.heard) > cutOff {
		return nil // nobody is heard
	}
	var changes []Change
	for id, n := range p.peers {
		silence := min(now.Sub(n.heard), now.Sub(p.back))
		patience := deadNode
		if n.bye {
			patience = p.grace // its pages are on their way to another node
		}
		if id == p.self || silence < patience {
			continue
		}
		n.dead = true
		users := slices.Collect(maps.Keys(n.users))
		changes = append(changes, p.offline(n, users, n.at, p.eldest())...)
		if silence > max(patience, remember) {
			delete(p.peers, id)
		}
	}
	return changes
}

// eldest tells whether this node is the one that speaks for those that died.
func (p *presence) eldest() bool {
	for id, n := range p.peers {
		if !n.dead && !n.bye && id < p.self {
			return false
		}
	}
	return true
}
