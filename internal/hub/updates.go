package hub

import (
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/protocol"
)

// UpdateEvery is how often pages receive changes of presence, which are sent
// together.
const UpdateEvery = time.Second

const updateUsers = 100 // largest number of changes in one update; the others are in the next one

// presenceUpdates holds the changes of presence that have not been sent to the
// pages, in order. A user with several changes is in it once. It is passive:
// its owner guards it.
type presenceUpdates struct {
	order  []string
	online map[string]bool // the latest state of a user in order
}

func (u *presenceUpdates) add(c Change) {
	if u.online == nil {
		u.online = make(map[string]bool)
	}
	if _, waits := u.online[c.User]; !waits {
		u.order = append(u.order, c.User)
	}
	u.online[c.User] = c.Online
}

// addChanges queues changes of presence for the pages, and passes them to the
// application.
func (h *Hub) addChanges(changes []Change) {
	if h.config.Scope != OnlineNobody {
		for _, c := range changes {
			h.updates.add(c)
		}
	}
	h.config.Notify(changes)
}

// PresenceUpdate returns the changes of presence to send now, and the pages that
// receive them. The frame is nil if there are none.
func (h *Hub) PresenceUpdate(now time.Time) (*conn.Frame, []*Page) {
	h.mu.Lock()
	defer h.mu.Unlock()

	taken := h.updates.order[:min(len(h.updates.order), updateUsers)]
	if len(taken) > 0 {
		h.online.stale = time.Time{} // pages that connect from now on do not get this update
	}
	h.updates.order = h.updates.order[len(taken):]
	body := conn.FrameBuffer(0)
	var users []string
	for _, user := range taken {
		online := h.updates.online[user]
		delete(h.updates.online, user)
		if tag, limited := h.config.Scope.tag(); limited && !h.watches.has(user, tag, now.UnixNano()) {
			continue
		}
		if users = append(users, user); len(users) > 1 {
			body = append(body, ',')
		}
		body = protocol.AppendUserChange(body, user, online, now)
	}
	if len(users) == 0 {
		return nil, nil
	}
	f := new(conn.Frame)
	f.Seal(body)
	return f, h.updateReceivers(users, now.UnixNano())
}

// updateReceivers returns the pages that receive changes of the users. A user
// whose own change is the only one does not receive it.
func (h *Hub) updateReceivers(changed []string, now int64) []*Page {
	only := ""
	if len(changed) == 1 {
		only = changed[0]
	}
	var pages []*Page
	if tag, limited := h.config.Scope.tag(); limited {
		for user := range h.watches.watchers(tag, now) {
			if user != only {
				pages = append(pages, h.roster.users[user]...)
			}
		}
		return pages
	}
	for _, p := range h.roster.all {
		if p.User != "" && p.User != only {
			pages = append(pages, p)
		}
	}
	return pages
}
