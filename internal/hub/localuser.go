package hub

import (
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// A localUser is a user on this node, from the first page until the end of the
// grace after the last one, and then until the log has been notified of that.
type localUser struct {
	graceNumber uint32 // number of the running grace; 0 while a page is connected
	gone        bool   // the grace is over
	announced   bool   // the log was notified that the user is here
	queued      bool   // the user is in presence.unannounced
}

// A grace is when a user goes offline, unless the user returns before.
type grace struct {
	user   string
	number uint32
	end    time.Time
}

// userJoined records the user's first page on this node. A user who returns
// within the grace was online all the time.
func (p *presence) userJoined(user string) {
	u := p.local[user]
	u.graceNumber, u.gone = 0, false
	p.setLocal(user, u)
}

// userLeft records that the user's last page on this node is gone. It reports
// whether the clock has to check nextEnd again.
func (p *presence) userLeft(user string, now time.Time) bool {
	u := p.local[user]
	if p.graceFor <= 0 {
		u.gone = true
		p.setLocal(user, u)
		return false
	}
	p.lastGrace = max(1, p.lastGrace+1)
	u.graceNumber = p.lastGrace
	p.setLocal(user, u)
	p.graces.Push(grace{user, p.lastGrace, now.Add(p.graceFor)})
	if p.graces.Len() > 2*len(p.local)+64 {
		p.dropReturned()
	}
	return p.graces.Len() == 1
}

// dropReturned drops the graces of users who have returned, so that there are
// never many more graces than users.
func (p *presence) dropReturned() {
	for range p.graces.Len() {
		if g := p.graces.Pop(); p.local[g.user].graceNumber == g.number {
			p.graces.Push(g)
		}
	}
}

// nextEnd returns when the next grace ends.
func (p *presence) nextEnd() (time.Time, bool) {
	if p.graces.Len() == 0 {
		return time.Time{}, false
	}
	return p.graces.At(0).end.Add(1), true
}

// endGraces ends every grace that is over.
func (p *presence) endGraces(now time.Time) {
	for p.graces.Len() > 0 && now.After(p.graces.At(0).end) {
		g := p.graces.Pop()
		if u := p.local[g.user]; u.graceNumber == g.number {
			u.graceNumber, u.gone = 0, true
			p.setLocal(g.user, u)
		}
	}
}

// setLocal changes a local user, and queues the user if the log has to be
// notified.
func (p *presence) setLocal(user string, u localUser) {
	before := p.countOnlyLocal(user)
	if u.announced == u.gone && !u.queued {
		u.queued = true
		p.unannounced.Push(user)
	}
	if u.gone && !u.announced && !u.queued {
		delete(p.local, user)
	} else {
		p.local[user] = u
	}
	after := p.countOnlyLocal(user)
	if p.onlyLocal += after - before; after < before {
		p.vanished = append(p.vanished, Change{User: user})
	}
}

// takeVanished returns the changes of users who were online on this node alone,
// and are not any more. The log may never hear of them, but pages may have got
// them in a list.
func (p *presence) takeVanished() []Change {
	all := p.vanished
	p.vanished = nil
	return all
}

// An announcement is one control message: users who have all come to this node,
// or have all left it.
type announcement struct {
	kind  envelope.Kind
	users []string
}

// takeAnnouncements returns what the log has to be notified of, in order. While
// earlier announcements are on their way through the log, it returns nothing
// and changes are collected. A user who comes and goes in that time is not
// announced, so that there are never more announcements than users.
func (p *presence) takeAnnouncements() []announcement {
	if p.unconfirmed > 0 {
		return nil
	}
	var all []announcement
	for n := 0; n < usersPerMessage && p.unannounced.Len() > 0; n++ {
		user := p.unannounced.Pop()
		u := p.local[user]
		u.queued = false
		if u.announced == u.gone {
			u.announced = !u.gone
			all = appendAnnouncement(all, u.kind(), user)
		}
		p.setLocal(user, u)
	}
	p.unconfirmed = len(all)
	return all
}

// kind returns the kind of the message that announces the user's state.
func (u localUser) kind() envelope.Kind {
	if u.gone {
		return envelope.KindOffline
	}
	return envelope.KindOnline
}

// appendAnnouncement adds a user to the last announcement if that is of the
// same kind, else to a new one.
func appendAnnouncement(all []announcement, k envelope.Kind, user string) []announcement {
	if last := len(all) - 1; last >= 0 && all[last].kind == k {
		all[last].users = append(all[last].users, user)
		return all
	}
	return append(all, announcement{k, []string{user}})
}

// announcedUsers returns the local users that were announced in the log.
func (p *presence) announcedUsers() []string {
	var users []string
	for user, u := range p.local {
		if u.announced {
			users = append(users, user)
		}
	}
	return users
}

// isLocal reports whether the user is on this node.
func (p *presence) isLocal(user string) bool {
	u, known := p.local[user]
	return known && !u.gone
}

// isOnlyLocal reports whether the user is on this node and no node has
// announced the user.
func (p *presence) isOnlyLocal(user string) bool { return p.isLocal(user) && p.users[user] == 0 }

// countOnlyLocal returns 1 if isOnlyLocal holds, else 0. Code that may change
// that adds the difference to onlyLocal.
func (p *presence) countOnlyLocal(user string) int {
	if p.isOnlyLocal(user) {
		return 1
	}
	return 0
}
