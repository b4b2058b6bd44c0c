package hub

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/window"
)

// A roster holds which pages are connected, how many may be, and which users
// were disconnected. It is passive: its owner guards it.
type roster struct {
	all    []*Page
	users  map[string][]*Page
	guests int // pages without a user

	transports map[string]int // number of pages by Form.Transport

	streams  map[string]*Page   // those of them that need requests to send or renew something, by their client id
	slots    [TickSlots][]*Page // by the slot of a tick in which they get their ping
	nextSlot uint8              // of the next page

	placesOf map[string]int // admitted connections by payer
	places   int

	banned map[string]ban    // the last disconnect of a user
	expiry window.Deque[ban] // the same, the oldest first
	bans   atomic.Uint64     // number of disconnects; read without the guard
}

// A ban records when a user was disconnected, and the number of the disconnect. offset is
// where the log ended then: tickets from before are not valid any more.
type ban struct {
	user   string
	number uint64
	at     time.Time
	offset uint64
}

const (
	// staleFor is for how long after a disconnect a page of the user is refused
	// if its login may have been checked before: nothing shows when its request
	// began. The page retries and passes the login again.
	staleFor = 5 * time.Second

	banLife = time.Minute // no handshake takes longer
)

func newRoster() roster {
	return roster{users: make(map[string][]*Page), placesOf: make(map[string]int), streams: make(map[string]*Page), banned: make(map[string]ban), transports: newTransports()}
}

// add adds a page, and reports whether it is the first one of its user.
func (r *roster) add(p *Page) (first bool) {
	p.index = int32(len(r.all)) //nolint:gosec // there are fewer
	r.all = append(r.all, p)
	r.transports[p.Form().Transport()]++
	p.slot, r.nextSlot = r.nextSlot, (r.nextSlot+1)%TickSlots
	p.slotIndex = int32(len(r.slots[p.slot])) //nolint:gosec // there are fewer
	r.slots[p.slot] = append(r.slots[p.slot], p)
	if p.User == "" {
		r.guests++
		if p.Form().IsEvent() || p.Form().IsHTML() {
			r.name(p)
		}
		return false
	}
	r.users[p.User] = append(r.users[p.User], p)
	return len(r.users[p.User]) == 1
}

// name makes the page of a guest one that find finds.
func (r *roster) name(p *Page) {
	if p.Client != "" {
		r.streams[p.Client] = p
	}
}

// has reports whether a page is connected.
func (r *roster) has(p *Page) bool { return int(p.index) < len(r.all) && r.all[p.index] == p }

// remove removes a page, and reports whether it was the last one of its user.
// It ignores a page that was never added.
func (r *roster) remove(p *Page) (last bool) {
	if !r.has(p) {
		return false
	}
	r.all = removeAt(r.all, int(p.index), func(moved *Page) { moved.index = p.index })
	r.slots[p.slot] = removeAt(r.slots[p.slot], int(p.slotIndex), func(moved *Page) { moved.slotIndex = p.slotIndex })
	r.transports[p.Form().Transport()]--
	if p.User == "" {
		r.guests--
		if r.streams[p.Client] == p {
			delete(r.streams, p.Client)
		}
		return false
	}
	pages := r.users[p.User]
	i := slices.Index(pages, p)
	if r.users[p.User] = slices.Delete(pages, i, i+1); len(r.users[p.User]) > 0 {
		return false
	}
	delete(r.users, p.User)
	return true
}

// removeAt removes an item from a list in which order does not matter: the last
// item moves to its place.
func removeAt[T any](list []*T, at int, move func(moved *T)) []*T {
	last := len(list) - 1
	move(list[last])
	list[at], list[last] = list[last], nil
	return list[:last]
}

// find returns the user's page with the client id, or nil. Of guests it finds only
// streams, and pages with a session.
func (r *roster) find(user, client string) *Page {
	if user == "" {
		return r.streams[client]
	}
	for _, p := range r.users[user] {
		if p.Client == client {
			return p
		}
	}
	return nil
}

// named returns the user's pages with the client id: one that has lost its connection may
// still have another. Of guests it returns what find finds.
//
// The id of a tab is that of its connection, unless a page has the very id.
func (r *roster) named(user, client string) []*Page {
	if r.find(user, client) == nil {
		client, _ = envelope.SplitTab(client)
	}
	var pages []*Page
	if user == "" {
		if p := r.streams[client]; p != nil && client != "" {
			pages = append(pages, p)
		}
		return pages
	}
	for _, p := range r.users[user] {
		if p.Client == client && client != "" {
			pages = append(pages, p)
		}
	}
	return pages
}

// takePlace reserves a place for a connection, or returns why it is refused.
// See [Hub.Admit].
func (r *roster) takePlace(payer, user string, stale bool, most, mostOfPayer int) error {
	switch {
	case most > 0 && r.places >= most:
		return ErrFull
	case r.placesOf[payer] >= mostOfPayer:
		return ErrFullForPayer
	case stale && r.wasBanned(user):
		return ErrRecentlyDisconnected
	}
	r.places++
	r.placesOf[payer]++
	return nil
}

// returnPlace returns a place that takePlace has reserved.
func (r *roster) returnPlace(payer string) {
	r.places--
	if r.placesOf[payer]--; r.placesOf[payer] == 0 {
		delete(r.placesOf, payer)
	}
}

// ban keeps the user's pages that began to connect before now from joining, and
// returns those that have joined. The log ends at the offset.
func (r *roster) ban(user string, now time.Time, offset uint64) []*Page {
	b := ban{user, r.bans.Add(1), now, offset}
	r.banned[user] = b
	r.expiry.Push(b)
	return slices.Clone(r.users[user])
}

// isBanned reports whether the user was disconnected since the number of
// disconnects was began.
func (r *roster) isBanned(user string, began uint64) bool { return r.banned[user].number > began }

// wasBanned reports whether the user was disconnected a moment ago.
func (r *roster) wasBanned(user string) bool {
	b, banned := r.banned[user]
	return banned && time.Since(b.at) < staleFor
}

// moveBan notes that the message about the disconnect of a user is in the log, which ends
// at the offset.
func (r *roster) moveBan(user string, offset uint64) {
	if b, banned := r.banned[user]; banned {
		b.offset = offset
		r.banned[user] = b
	}
}

// forgetOffsets makes the bans refuse no tickets: those of the log before are refused
// anyway.
func (r *roster) forgetOffsets() {
	for user := range r.banned {
		r.moveBan(user, 0)
	}
}

// expireBans removes the bans that are older than any handshake.
func (r *roster) expireBans(now time.Time) {
	for r.expiry.Len() > 0 && now.Sub(r.expiry.At(0).at) > banLife {
		if b := r.expiry.Pop(); r.banned[b.user].number == b.number {
			delete(r.banned, b.user)
		}
	}
}
