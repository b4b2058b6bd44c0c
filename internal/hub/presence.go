package hub

import (
	"iter"
	"time"

	"github.com/patrickmn/go-cache"

	"github.com/echo-pull/pull/internal/window"
)

const seenTTL = 24 * time.Hour // how long LastSeen remembers a user who has left

// presence knows who is online. What happens on this node are stays; what
// happens anywhere is derived from the log, in which each node announces the
// users that come to it and leave it. It is passive: its owner guards it.
type presence struct {
	self  string
	grace time.Duration

	stays      map[string]stay         // by user, of this node
	departures window.Deque[departure] // whose grace is running, in the order in which they end
	departed   uint32                  // number of the last departure
	news       window.Deque[string]    // users whose coming or going is still to be announced
	announcing int                     // announcements that have not come back from the log
	onlyHere   int                     // users who are here and whom the log does not have yet
	peers      map[string]*peer        // by node
	back       time.Time               // when this node was last cut off from the log no longer
	users      map[string]int          // user → number of nodes that have it
	seen       *cache.Cache            // user → when it was last online, once it has left
	forgetting window.Deque[recollection]
}

func newPresence(self string, grace time.Duration) *presence {
	return &presence{
		self: self, grace: grace,
		stays: make(map[string]stay),
		peers: make(map[string]*peer),
		users: make(map[string]int),
		seen:  cache.New(seenTTL, 0), // no janitor: it would be a goroutine that only a finalizer stops
	}
}

// has tells whether the user is online.
func (p *presence) has(user string) bool { return p.users[user] > 0 || p.isHere(user) }

// count returns how many users are online.
func (p *presence) count() int { return len(p.users) + p.onlyHere }

// all yields everyone who is online, those first whom the log knows of.
func (p *presence) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for user := range p.users {
			if !yield(user) {
				return
			}
		}
		p.allOnlyHere(yield)
	}
}

func (p *presence) allOnlyHere(yield func(string) bool) {
	left := p.onlyHere
	for user := range p.stays {
		if left == 0 {
			return
		}
		if !p.isOnlyHere(user) {
			continue
		}
		if left--; !yield(user) {
			return
		}
	}
}

// A recollection is when an entry of seen may be dropped.
type recollection struct {
	user string
	due  int64 // unix nanoseconds
}

// remember keeps when a user was last online.
func (p *presence) remember(user string, at int64) {
	if _, known := p.seen.Get(user); !known {
		p.forgetting.Push(recollection{user, time.Now().Add(seenTTL).UnixNano()})
	}
	p.seen.SetDefault(user, time.Unix(0, at))
}

// forget drops what is remembered for long enough, and returns whether there may
// be more. The cache could do it at one go, which takes as long as it is large.
func (p *presence) forget(now time.Time, most int) bool {
	for range most {
		if p.forgetting.Len() == 0 || p.forgetting.At(0).due > now.UnixNano() {
			return false
		}
		r := p.forgetting.Pop()
		if _, expires, known := p.seen.GetWithExpiration(r.user); known {
			p.forgetting.Push(recollection{r.user, expires.UnixNano()}) // seen again since
		} else {
			p.seen.Delete(r.user)
		}
	}
	return true
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
	return at.(time.Time), true //nolint:forcetypeassert // only remember sets it
}
