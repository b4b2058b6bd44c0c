package hub

import (
	"iter"
	"time"

	"github.com/patrickmn/go-cache"

	"github.com/echo-pull/pull/internal/window"
)

const lastSeenTTL = 24 * time.Hour // how long LastSeen remembers a user who has gone offline

// presence holds which users are online: the local users, who are on this node,
// and for each node the users that it has announced in the log. It is passive:
// its owner guards it.
type presence struct {
	self     string
	graceFor time.Duration

	local       map[string]localUser    // users on this node
	graces      window.Deque[grace]     // the graces that are running, in the order in which they end
	lastGrace   uint32                  // number of the newest grace
	unannounced window.Deque[string]    // local users of whose change the log has to be notified
	unconfirmed int                     // announcements that have not come back from the log
	onlyLocal   int                     // local users whom no node has announced yet
	vanished    []Change                // see takeVanished
	peers       map[string]*peer        // by node
	reconnected time.Time               // when this node last received from the log after being cut off
	users       map[string]int          // number of nodes that have announced the user
	seen        *cache.Cache            // when a user was last online, by user, once the user is offline
	seenEnd     window.Deque[seenEntry] // one of each entry of seen, the earlier ones first
}

func newPresence(self string, grace time.Duration) *presence {
	return &presence{
		self: self, graceFor: grace,
		local: make(map[string]localUser),
		peers: make(map[string]*peer),
		users: make(map[string]int),
		seen:  cache.New(lastSeenTTL, 0), // no janitor: it would be a goroutine that only a finalizer stops
	}
}

// isOnline reports whether the user is online.
func (p *presence) isOnline(user string) bool { return p.users[user] > 0 || p.isLocal(user) }

// onlineCount returns how many users are online.
func (p *presence) onlineCount() int { return len(p.users) + p.onlyLocal }

// all yields every user who is online, the announced ones first.
func (p *presence) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for user := range p.users {
			if !yield(user) {
				return
			}
		}
		p.allOnlyLocal(yield)
	}
}

func (p *presence) allOnlyLocal(yield func(string) bool) {
	left := p.onlyLocal
	for user := range p.local {
		if left == 0 {
			return
		}
		if !p.isOnlyLocal(user) {
			continue
		}
		if left--; !yield(user) {
			return
		}
	}
}

// A seenEntry is when an entry of seen may be dropped.
type seenEntry struct {
	user string
	drop int64 // unix nanoseconds
}

// recordLastSeen records when a user was last online.
func (p *presence) recordLastSeen(user string, at int64) {
	if _, known := p.seen.Get(user); !known {
		p.seenEnd.Push(seenEntry{user, time.Now().Add(lastSeenTTL).UnixNano()})
	}
	p.seen.SetDefault(user, time.Unix(0, at))
}

// dropLastSeen drops up to most entries of seen that are old enough, and
// reports whether there may be more. The cache could drop them in one call,
// which takes as long as the cache is large.
func (p *presence) dropLastSeen(now time.Time, most int) bool {
	for range most {
		if p.seenEnd.Len() == 0 || p.seenEnd.At(0).drop > now.UnixNano() {
			return false
		}
		entry := p.seenEnd.Pop()
		if _, expires, known := p.seen.GetWithExpiration(entry.user); known {
			p.seenEnd.Push(seenEntry{entry.user, expires.UnixNano()}) // recorded again since
		} else {
			p.seen.Delete(entry.user)
		}
	}
	return true
}

// lastOnline returns when the user was last online, which is now for a user who
// is online.
func (p *presence) lastOnline(user string, now time.Time) (time.Time, bool) {
	if p.isOnline(user) {
		return now, true
	}
	at, ok := p.seen.Get(user)
	if !ok {
		return time.Time{}, false
	}
	return at.(time.Time), true //nolint:forcetypeassert // only recordLastSeen sets it
}
