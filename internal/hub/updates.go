package hub

import (
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/protocol"
)

// UpdateEvery is how often pages receive changes of presence, which are sent
// together.
const UpdateEvery = time.Second

const (
	// presenceBytes bounds what a page receives about presence when it connects,
	// and then with each update. With the framing it is less than 4 KiB.
	presenceBytes = 4000

	// Telling all pages something takes a time. Lists that replace changes follow
	// one another so seldom that they take at most a part in listShare of it, but
	// no later than after listPause.
	listShare = 100
	listPause = 10 * time.Second

	// recountEvery is how often a list follows changes of users whom the pages
	// cannot count, because the list before it did not name everyone.
	recountEvery = 30 * time.Second
)

// presenceUpdates holds the changes of presence that have not been sent to the
// pages, in order. A user with several changes is in it once. It is passive:
// its owner guards it.
type presenceUpdates struct {
	order  []string
	online map[string]bool // the latest state of a user in order

	// Pages need a list if one of these is set.
	dropped bool // changes were dropped; more are not collected until the list is sent
	inexact bool // changes were sent to pages that do not know all users

	listed time.Time     // when pages were last sent a list
	pause  time.Duration // after it, until the next one may follow
}

func (u *presenceUpdates) add(c Change) {
	if u.dropped {
		return
	}
	if u.online == nil {
		u.online = make(map[string]bool)
	}
	if _, waits := u.online[c.User]; !waits {
		u.order = append(u.order, c.User)
	}
	u.online[c.User] = c.Online
}

func (u *presenceUpdates) clear() { u.order, u.online = nil, nil }

// needList reports whether the pages have to be sent a list now.
func (u *presenceUpdates) needList(now time.Time) bool {
	since := now.Sub(u.listed)
	return u.dropped && since >= u.pause || u.inexact && since >= recountEvery
}

// addChanges queues changes of presence for the pages, and passes them to the
// application.
func (h *Hub) addChanges(changes []Change) {
	h.queueChanges(changes)
	h.config.Notify(changes)
}

func (h *Hub) queueChanges(changes []Change) {
	if h.config.Scope == OnlineNobody {
		return
	}
	for _, c := range changes {
		h.updates.add(c)
	}
}

// SendPresence sends the pages what has changed about presence. It is called
// every UpdateEvery, by one goroutine.
func (h *Hub) SendPresence(o *conn.Nonblocking, now time.Time) {
	begin := time.Now()
	u := h.nextUpdate(now)
	pages := slices.DeleteFunc(u.pages, func(p *Page) bool { return p.User == "" || p.Form().IsHTML() || slices.Contains(u.aware, p) })
	if slices.ContainsFunc(pages, func(p *Page) bool { return p.Form() == conn.Deflated }) {
		h.deflater.Deflate(u.frame)
	}
	for _, p := range pages {
		p.Deliver(o, u.frame)
	}
	if u.list {
		h.setListPause(time.Since(begin))
	}
}

// setListPause sets when the next list may follow, by how long it took to make
// the last one and to send it to all pages.
func (h *Hub) setListPause(took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.updates.pause = min(listShare*took, listPause)
}

// An update is what pages receive about presence in one second: the changes that
// wait, or a list that replaces what the pages know.
type update struct {
	frame *conn.Frame
	pages []*Page // that receive it, except guests and aware
	aware []*Page // that know already
	list  bool
}

// nextUpdate returns the next update, or one without pages if there is none. It
// does not look at each page: there may be so many that others would have to wait
// for the lock.
func (h *Hub) nextUpdate(now time.Time) (u update) {
	h.mu.Lock()
	defer h.mu.Unlock()

	body, users := h.encodeChanges(now)
	if u.list = h.updates.needList(now); u.list {
		body = append(conn.FrameBuffer(nil, presenceBytes), h.listForAll(now)...)
	} else {
		if len(users) == 0 {
			return u
		}
		if len(users) == 1 {
			u.aware = h.awareOf(users[0])
		}
		h.updates.inexact = h.updates.inexact || h.online.partial
		h.online.stale = time.Time{} // pages that connect from now on do not get this update
	}
	u.frame = new(conn.Frame)
	u.frame.SealAll(body)
	u.pages = h.updateReceivers(now.UnixNano())
	return u
}

// listForAll returns a new list for all pages. What they know is what it says.
func (h *Hub) listForAll(now time.Time) []byte {
	h.refreshOnlineList(now)
	h.online.partial = h.online.cut
	h.updates.dropped, h.updates.inexact, h.updates.listed = false, false, now
	return h.online.body
}

// encodeChanges takes the changes that wait and returns them with their users.
// If they do not fit into an update, it drops them and returns none.
func (h *Hub) encodeChanges(now time.Time) (body []byte, users []string) {
	defer h.updates.clear()
	body = conn.FrameBuffer(nil, 0)
	empty := len(body)
	tag, limited := h.config.Scope.tag()
	for _, user := range h.updates.order {
		if limited && !h.watches.has(user, tag, now.UnixNano()) {
			continue
		}
		if users = append(users, user); len(users) > 1 {
			body = append(body, ',')
		}
		body = protocol.AppendUserChange(body, user, h.updates.online[user], now)
		if len(body)-empty > h.presenceBytes() {
			h.updates.dropped = true
			return nil, nil
		}
	}
	return body, users
}

func (h *Hub) presenceBytes() int { return min(presenceBytes, h.Conns.QueueBytes/4) }

// awareOf returns the pages of a user that do not need a change of only this user:
// all except those that may have got a list without the user.
func (h *Hub) awareOf(user string) (pages []*Page) {
	for _, p := range h.roster.users[user] {
		if !p.course.has(unlisted) {
			pages = append(pages, p)
		}
	}
	return pages
}

// updateReceivers returns the pages that receive presence, and those of guests.
func (h *Hub) updateReceivers(now int64) (pages []*Page) {
	tag, limited := h.config.Scope.tag()
	if !limited {
		return slices.Clone(h.roster.all)
	}
	for user := range h.watches.watchers(tag, now) {
		pages = append(pages, h.roster.users[user]...)
	}
	return pages
}
