package pull

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/patrickmn/go-cache"
)

// Presence says who is online: see [Plugin.Presence].
type Presence struct{ node *node }

// Presence returns who is online on any node. A user is online while at least
// one session is open and for Config.PresenceGrace after the last one has gone.
// Guests are counted, in [Stats], not listed. All methods are safe for
// concurrent use.
func (p *Plugin) Presence() Presence { return Presence{p.node} }

// Online answers for each of the users whether they are online.
func (p Presence) Online(ids ...string) map[string]bool {
	p.node.mu.Lock()
	defer p.node.mu.Unlock()

	answer := make(map[string]bool, len(ids))
	for _, id := range ids {
		answer[id] = p.node.presence.has(id)
	}
	return answer
}

// Users returns everyone who is online, sorted.
func (p Presence) Users() []string {
	p.node.mu.Lock()
	defer p.node.mu.Unlock()

	return slices.Sorted(p.node.presence.all())
}

// LastSeen returns when the user was last online, which is now for one who is.
// It is false for a user whom no node has seen in the last 24 hours, or since it
// was started: an application that needs more keeps it from Config.OnOffline.
func (p Presence) LastSeen(id string) (time.Time, bool) {
	p.node.mu.Lock()
	defer p.node.mu.Unlock()

	return p.node.presence.lastSeen(id, time.Now())
}

// seen answers a page that asks how many seconds ago users were online: those
// of whom it may hear.
func (p *Plugin) seen(asker string, users []string) map[string]float64 {
	n := p.node
	n.mu.Lock()
	defer n.mu.Unlock()

	now := time.Now()
	answer := make(map[string]float64, len(users))
	if !n.hearsOnline(asker, now.UnixNano()) {
		return answer
	}
	for _, user := range users {
		if at, ok := n.presence.lastSeen(user, now); ok && n.hearsOnline(user, now.UnixNano()) {
			answer[user] = max(0, now.Sub(at).Seconds())
		}
	}
	return answer
}

const (
	seenTTL  = 24 * time.Hour   // how long LastSeen remembers a user who has left
	beat     = 20 * time.Second // how often a node says that it is alive
	deadNode = 65 * time.Second // a node is gone when nothing was heard for so long
	newcomer = 25 * time.Second // … or for so long since this node began, if only before
)

// A change is a user coming online or going offline, on all nodes together.
type change struct {
	user   string
	online bool
	ours   bool // this node is the one that tells the application
}

// A peer is what this node knows of a node, itself included, from the log.
type peer struct {
	seq   uint64    // of its last message
	at    int64     // unix nanoseconds, of its last message; as clocks go
	heard time.Time // by this node's clock: a node whose clock is wrong lives as well
	self  bool      // it is this one
	bye   bool      // it has said that it stops
	dead  bool      // nothing was heard for too long; its users were let go
	users map[string]struct{}
}

// presence knows who is online. What happens on this node is kept in caches:
// who is here, with the grace after the last session as the entry's time to
// live, and who was seen when. What happens anywhere is derived from the log: a
// node announces the users that come to it and leave it. It is passive: its
// owner guards it.
type presence struct {
	self  string
	grace time.Duration

	here  *cache.Cache // user → nothing; expires when the grace is over
	left  deque[departure]
	gone  []string // taken out of here by the last sweep
	seen  *cache.Cache
	peers map[string]*peer
	users map[string]int // user → number of nodes that have it
}

// A departure is when a user's grace ends, unless the user is back by then.
type departure struct {
	user string
	at   time.Time
}

func newPresence(self string, grace time.Duration) *presence {
	p := &presence{
		self: self, grace: grace,
		// No janitors: they would be goroutines that only a finalizer stops.
		here:  cache.New(cache.NoExpiration, 0),
		seen:  cache.New(seenTTL, 0),
		peers: make(map[string]*peer),
		users: make(map[string]int),
	}
	p.here.OnEvicted(func(user string, _ any) { p.gone = append(p.gone, user) })
	return p
}

// arrive notes the user's first session on this node, and tells whether the log
// has to hear of it: not if the user was gone for less than the grace.
func (p *presence) arrive(user string) bool {
	p.sweep() // a grace that has just ended must be announced first
	_, here := p.here.Get(user)
	p.here.Set(user, nil, cache.NoExpiration)
	return !here
}

// depart notes that the user's last session on this node is gone, and tells
// whether that is the next departure to wait for.
func (p *presence) depart(user string, now time.Time) bool {
	if p.grace <= 0 {
		p.here.Delete(user) // go-cache takes no time to live for "for ever"
		return true
	}
	p.here.Set(user, nil, p.grace)
	p.left.push(departure{user, now.Add(p.grace)})
	return p.left.len() == 1
}

// due returns when the next grace ends.
func (p *presence) due() (time.Time, bool) {
	if p.left.len() == 0 {
		return time.Time{}, false
	}
	// The cache counts an entry as expired only after its nanosecond has passed.
	return p.left.at(0).at.Add(1), true
}

// sweep ends every grace that is over.
func (p *presence) sweep() {
	now := time.Now()
	over := false
	for p.left.len() > 0 && now.After(p.left.at(0).at) {
		p.left.pop()
		over = true
	}
	if over {
		p.here.DeleteExpired()
	}
}

// takeGone returns who has left this node since the last call.
func (p *presence) takeGone() []string {
	gone := p.gone
	p.gone = nil
	return gone
}

// hear notes a sign of life of a node, sent at one time and heard at another,
// and tells whether the message is new.
func (p *presence) hear(node []byte, seq uint64, at int64, heard time.Time) (*peer, bool) {
	n := p.peers[string(node)]
	if n == nil {
		n = &peer{self: string(node) == p.self, users: make(map[string]struct{})}
		p.peers[string(node)] = n
	}
	fresh := seq > n.seq
	n.seq, n.at = max(n.seq, seq), max(n.at, at)
	if heard.After(n.heard) {
		n.heard = heard
	}
	return n, fresh
}

// online notes users that a node has announced.
func (p *presence) online(n *peer, users []string) []change {
	var changes []change
	for _, user := range users {
		if _, known := n.users[user]; known {
			continue
		}
		n.users[user] = struct{}{}
		if p.users[user]++; p.users[user] == 1 {
			changes = append(changes, change{user, true, n.self})
		}
	}
	return changes
}

// offline notes users that a node no longer has. tells says whether this node
// tells the application.
func (p *presence) offline(n *peer, users []string, at int64, tells bool) []change {
	var changes []change
	for _, user := range users {
		if _, known := n.users[user]; !known {
			continue
		}
		delete(n.users, user)
		if p.users[user]--; p.users[user] == 0 {
			delete(p.users, user)
			p.seen.SetDefault(user, time.Unix(0, at))
			changes = append(changes, change{user, false, tells})
		}
	}
	return changes
}

// bury lets the users of nodes go of which nothing was heard. The node itself is
// remembered for as long as it may send again what the log has had from it.
func (p *presence) bury(now time.Time, remember time.Duration) []change {
	var changes []change
	for id, n := range p.peers {
		silence := now.Sub(n.heard)
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

// has tells whether the user is online.
func (p *presence) has(user string) bool {
	if p.users[user] > 0 {
		return true
	}
	_, here := p.here.Get(user)
	return here
}

// all yields everyone who is online, those first whom the log knows of.
func (p *presence) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for user := range p.users {
			if !yield(user) {
				return
			}
		}
		for user := range p.here.Items() {
			if p.users[user] == 0 && !yield(user) {
				return
			}
		}
	}
}

// lastSeen returns when the user was last online: now, for one who is.
func (p *presence) lastSeen(user string, now time.Time) (time.Time, bool) {
	if p.has(user) {
		return now, true
	}
	at, ok := p.seen.Get(user)
	if !ok {
		return time.Time{}, false
	}
	return at.(time.Time), true //nolint:forcetypeassert // only offline sets it
}
