package hub

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// BeatEvery is how often a node that publishes nothing else sends a sign of
// life.
const BeatEvery = 20 * time.Second

const (
	// NodeTimeout is after how long without a message a node is gone.
	NodeTimeout = 65 * time.Second

	cutOffTimeout  = NodeTimeout - BeatEvery // after so long without a message of its own this node is cut off from the log
	newNodeTimeout = 25 * time.Second        // replaces NodeTimeout for nodes that have sent nothing since this node began
)

// A Change is a user coming online or going offline, on all nodes together.
type Change struct {
	User   string
	Online bool
	Ours   bool // this node is the one that notifies the application
}

// A peer is what this node has learned about a node, which may be itself, from
// the log.
type peer struct {
	seq      uint64            // sequence number of its last message
	at       int64             // when it sent its last message by its own clock, unix nanoseconds
	received time.Time         // when this node received it: a clock of the other node that is wrong does not matter
	self     bool              // it is this node
	stopping bool              // it has sent a bye
	expired  bool              // it was silent for too long; its users were removed
	users    map[string]uint32 // number of the last list that named the user
	list     uint32            // number of the user list that is being received
	listOpen bool              // the list has begun and has not ended
	pages    peerPages         // the watches of its pages
}

// receive records a message of a node, sent at one time and received at
// another, and reports whether the message is new.
func (p *presence) receive(node []byte, seq uint64, at int64, received time.Time) (from *peer, fresh bool) {
	from = p.peers[string(node)]
	if from == nil {
		from = &peer{self: string(node) == p.self, users: make(map[string]uint32)}
		p.peers[string(node)] = from
	}
	fresh = seq > from.seq
	from.seq, from.at = max(from.seq, seq), max(from.at, at)
	if from.self && !from.received.IsZero() && received.Sub(from.received) > cutOffTimeout {
		p.reconnected = received
	}
	if received.After(from.received) {
		from.received = received
	}
	return from, fresh
}

// addUsers adds users that a node has announced.
func (p *presence) addUsers(from *peer, users []string) []Change {
	var changes []Change
	for _, user := range users {
		_, known := from.users[user]
		from.users[user] = from.list
		if known {
			continue
		}
		before := p.countOnlyLocal(user)
		if p.users[user]++; p.users[user] == 1 {
			changes = append(changes, Change{user, true, from.self})
		}
		p.onlyLocal += p.countOnlyLocal(user) - before
	}
	return changes
}

// removeUsers removes users that a node no longer has. ours is Ours of the
// changes.
func (p *presence) removeUsers(from *peer, users []string, at int64, ours bool) []Change {
	var changes []Change
	for _, user := range users {
		if _, known := from.users[user]; !known {
			continue
		}
		before := p.countOnlyLocal(user)
		delete(from.users, user)
		if p.users[user]--; p.users[user] == 0 {
			delete(p.users, user)
			p.recordLastSeen(user, at)
			changes = append(changes, Change{user, false, ours})
		}
		p.onlyLocal += p.countOnlyLocal(user) - before
	}
	return changes
}

// applyList applies one part of a node's list of all its users: "2/3" and the
// users of that part. After the last part, the users that no part has named are
// removed.
func (p *presence) applyList(from *peer, list []string, at int64) []Change {
	if len(list) == 0 {
		return nil
	}
	part, parts, _ := strings.Cut(list[0], "/")
	if part == "1" {
		from.list++
		from.listOpen = true
	}
	changes := p.addUsers(from, list[1:])
	if !from.listOpen || part != parts {
		return changes
	}
	from.listOpen = false
	var left []string
	for user, last := range from.users {
		if last != from.list {
			left = append(left, user)
		}
	}
	return append(changes, p.removeUsers(from, left, at, from.self)...)
}

// expireNodes removes the users of nodes that have been silent too long. It
// does nothing while this node does not receive its own messages either: a node
// that is cut off from the log knows nothing about others. An expired node is
// remembered as long as the log may repeat its messages.
func (p *presence) expireNodes(now time.Time, remember time.Duration) []Change {
	self := p.peers[p.self]
	if self != nil && now.Sub(self.received) > cutOffTimeout {
		return nil
	}
	var changes []Change
	for id, node := range p.peers {
		silence := min(now.Sub(node.received), now.Sub(p.reconnected))
		timeout := NodeTimeout
		if node.stopping {
			timeout = p.graceFor // its pages are reconnecting to another node
		}
		if id == p.self || silence < timeout {
			continue
		}
		node.expired = true
		node.pages = peerPages{}
		users := slices.Collect(maps.Keys(node.users))
		changes = append(changes, p.removeUsers(node, users, node.at, p.hasLowestID())...)
		if silence > max(timeout, remember) {
			delete(p.peers, id)
		}
	}
	return changes
}

// hasLowestID reports whether this node has the lowest id of the running nodes.
// That node notifies the application of the users of expired nodes.
func (p *presence) hasLowestID() bool {
	for id, node := range p.peers {
		if !node.expired && !node.stopping && id < p.self {
			return false
		}
	}
	return true
}

// liveCount returns the number of nodes that are not gone, this one included.
func (p *presence) liveCount() int {
	n := 1
	for id, node := range p.peers {
		if id != p.self && node.isLive(id) {
			n++
		}
	}
	return n
}

// isLive reports whether a peer is a node, and not an outbox, and is neither gone nor
// about to be.
func (p *peer) isLive(id string) bool {
	return !p.expired && !p.stopping && !envelope.IsOutbox([]byte(id))
}
