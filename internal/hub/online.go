package hub

import (
	"iter"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/protocol"
)

// NextGraceEnd returns when the next grace of a user ends, if any is running.
func (h *Hub) NextGraceEnd() (time.Time, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.presence.nextEnd()
}

// AreOnline reports for each of the users whether they are online.
func (h *Hub) AreOnline(ids []string) map[string]bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	online := make(map[string]bool, len(ids))
	for _, id := range ids {
		online[id] = h.presence.isOnline(id)
	}
	return online
}

// OnlineUsers returns all users who are online.
func (h *Hub) OnlineUsers() []string {
	h.mu.Lock()
	defer h.mu.Unlock()

	return slices.AppendSeq(make([]string, 0, h.presence.onlineCount()), h.presence.all())
}

// LastSeen returns when the user was last online, which is now for a user who
// is online. It returns false for a user whom no node has seen in the last 24
// hours.
func (h *Hub) LastSeen(user string, now time.Time) (time.Time, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.presence.lastOnline(user, now)
}

// SecondsSinceSeen returns for a page of the viewer how many seconds ago the
// users were last online. It leaves out users whose presence the viewer does
// not receive.
func (h *Hub) SecondsSinceSeen(viewer string, users []string) map[string]float64 {
	h.mu.Lock()
	defer h.mu.Unlock()

	now := time.Now()
	seconds := make(map[string]float64, len(users))
	if !h.seesPresence(viewer, now.UnixNano()) {
		return seconds
	}
	for _, user := range users {
		if at, ok := h.presence.lastOnline(user, now); ok && h.seesPresence(user, now.UnixNano()) {
			seconds[user] = max(0, now.Sub(at).Seconds())
		}
	}
	return seconds
}

// An onlineList is the encoded list of online users that pages get when they
// connect, and when there are too many changes. It is passive: its owner guards
// it.
type onlineList struct {
	body    []byte    // nil if it was never encoded
	stale   time.Time // when it has to be encoded again for a page that connects
	users   []string  // whom body names
	cut     bool      // body does not name everyone
	partial bool      // there may be pages that got a body that was cut, and no complete one since
}

// onlineListFor returns the list of online users for a page that connects, or
// nil if the page does not receive presence. The list is encoded after each update,
// once a second at most, and otherwise so seldom that encoding takes at most a
// thousandth of the time. Later changes are in the next updates, which the page
// receives as well.
func (h *Hub) onlineListFor(p *Page) []byte {
	now := time.Now()
	if p.Form().IsHTML() || !h.seesPresence(p.User, now.UnixNano()) {
		return nil
	}
	if h.online.body == nil || !now.Before(h.online.stale) {
		h.refreshOnlineList(now)
	}
	p.course.clear(unlisted)
	if !slices.Contains(h.online.users, p.User) {
		p.course.set(unlisted)
	}
	return h.online.body
}

func (h *Hub) refreshOnlineList(now time.Time) {
	begin := time.Now()
	h.online.body = h.encodeOnlineList(now)
	h.online.stale = begin.Add(max(UpdateEvery, 1000*time.Since(begin)))
	h.online.partial = h.online.partial || h.online.cut
}

// encodeOnlineList names some of the users who are online, and counts all. It
// names those that the last list has named, so that users do not appear and
// disappear on the pages for no other reason than that there are many.
func (h *Hub) encodeOnlineList(now time.Time) []byte {
	others, count := h.listable(now.UnixNano())
	before := h.online.users
	users := make([]string, 0, len(before))
	named := make(map[string]struct{}, len(before))
	name := func(some iter.Seq[string], yield func(string) bool) (more bool) {
		for user := range some {
			if _, again := named[user]; again || !h.isListable(user, now.UnixNano()) {
				continue
			}
			if !yield(user) {
				return false
			}
			named[user] = struct{}{}
			users = append(users, user)
		}
		return true
	}
	online := func(yield func(string) bool) {
		if name(slices.Values(before), yield) {
			name(others, yield)
		}
	}
	l := protocol.OnlineList{Users: online, Bytes: h.presenceBytes(), Count: count, Guests: h.roster.guests}
	body := l.Encode(now)
	h.online.users, h.online.cut = users, len(users) < count
	return body
}

// isListable reports whether the list may name a user.
func (h *Hub) isListable(user string, now int64) bool {
	return h.presence.isOnline(user) && h.seesPresence(user, now)
}

// listable yields the users whom the list may name if they are online, and
// returns how many of them are.
func (h *Hub) listable(now int64) (users iter.Seq[string], online int) {
	tag, limited := h.config.Scope.tag()
	if !limited {
		return h.presence.all(), h.presence.onlineCount()
	}
	users = h.watches.watchers(tag, now)
	for user := range users {
		if h.presence.isOnline(user) {
			online++
		}
	}
	return users, online
}
