package hub

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/window"
)

var (
	errFull         = errors.New("too many connections")
	ErrFullForPayer = errors.New("too many connections of one payer")
	errDoubtful     = errors.New("disconnected a moment ago, try again")
)

// A roster is which pages are connected, how many may be, and who was
// disconnected. It is passive: its owner guards it.
type roster struct {
	all    []*Page
	users  map[string][]*Page
	guests int                // pages without a user
	turns  [TickSlots][]*Page // by the slot of a tick in which they are reminded
	turn   uint8              // of the next page

	seats  map[string]int // admitted connections by payer
	seated int

	bans        map[string]ban    // the last disconnect of a user
	expiry      window.Deque[ban] // the same, the oldest first
	disconnects atomic.Uint64     // how many there were; read without the guard
}

// A ban is when a user was disconnected, as the number of the disconnect.
type ban struct {
	user   string
	number uint64
	at     time.Time
}

const (
	// doubtWait is for how long after a disconnect a page of the user is sent away
	// once more if its login may have been checked before: nobody knows when the
	// request began. The next one passes the login again.
	doubtWait = 5 * time.Second

	banLife = time.Minute // no handshake is older
)

func newRoster() roster {
	return roster{users: make(map[string][]*Page), seats: make(map[string]int), bans: make(map[string]ban)}
}

// add adds a page, and reports whether it is the first one of its user.
func (r *roster) add(s *Page) (first bool) {
	s.slot = int32(len(r.all)) //nolint:gosec // there are fewer
	r.all = append(r.all, s)
	s.turn, r.turn = r.turn, (r.turn+1)%TickSlots
	s.place = int32(len(r.turns[s.turn])) //nolint:gosec // there are fewer
	r.turns[s.turn] = append(r.turns[s.turn], s)
	if s.User == "" {
		r.guests++
		return false
	}
	r.users[s.User] = append(r.users[s.User], s)
	return len(r.users[s.User]) == 1
}

// remove removes a page, and reports whether it was the last one of its user. A
// page that was never added is none.
func (r *roster) remove(s *Page) (last bool) {
	if int(s.slot) >= len(r.all) || r.all[s.slot] != s {
		return false
	}
	r.all = removeAt(r.all, int(s.slot), func(moved *Page) { moved.slot = s.slot })
	r.turns[s.turn] = removeAt(r.turns[s.turn], int(s.place), func(moved *Page) { moved.place = s.place })
	if s.User == "" {
		r.guests--
		return false
	}
	pages := r.users[s.User]
	i := slices.Index(pages, s)
	if r.users[s.User] = slices.Delete(pages, i, i+1); len(r.users[s.User]) > 0 {
		return false
	}
	delete(r.users, s.User)
	return true
}

// removeAt removes an item from a list in which order does not matter: the last
// one moves to its place.
func removeAt[T any](list []*T, at int, move func(moved *T)) []*T {
	last := len(list) - 1
	move(list[last])
	list[at], list[last] = list[last], nil
	return list[:last]
}

// find returns the user's page with an id, or nil.
func (r *roster) find(user, client string) *Page {
	for _, s := range r.users[user] {
		if s.Client == client {
			return s
		}
	}
	return nil
}

// admit reserves a place for a connection before it is accepted. It refuses the
// connection if there are most of them already, 0 for no bound, or mostOfPayer of
// the one to whom it is charged, and if its login may have been checked before a
// disconnect of the user.
func (r *roster) admit(payer, user string, doubtful bool, most, mostOfPayer int) error {
	switch b, banned := r.bans[user]; {
	case most > 0 && r.seated >= most:
		return errFull
	case r.seats[payer] >= mostOfPayer:
		return ErrFullForPayer
	case banned && doubtful && time.Since(b.at) < doubtWait:
		return errDoubtful
	}
	r.seated++
	r.seats[payer]++
	return nil
}

// release gives back a place that was reserved.
func (r *roster) release(payer string) {
	r.seated--
	if r.seats[payer]--; r.seats[payer] == 0 {
		delete(r.seats, payer)
	}
}

// ban keeps the user's pages that began to connect before now from joining, and
// returns those that have joined.
func (r *roster) ban(user string, now time.Time) []*Page {
	b := ban{user, r.disconnects.Add(1), now}
	r.bans[user] = b
	r.expiry.Push(b)
	return slices.Clone(r.users[user])
}

// isBanned reports whether the user was disconnected after there were began
// disconnects.
func (r *roster) isBanned(user string, began uint64) bool { return r.bans[user].number > began }

// expireBans removes the bans that no handshake can be older than.
func (r *roster) expireBans(now time.Time) {
	for r.expiry.Len() > 0 && now.Sub(r.expiry.At(0).at) > banLife {
		if b := r.expiry.Pop(); r.bans[b.user] == b {
			delete(r.bans, b.user)
		}
	}
}
