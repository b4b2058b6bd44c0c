package hub

import (
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// A stay is a user on this node. It lasts from the first session until the
// grace after the last one is over, and then until the log has heard of it.
type stay struct {
	departure uint32 // number of the departure whose grace is running; 0 while a session is open
	over      bool   // the grace is over
	announced bool   // the log was told that the user is here
	queued    bool   // the user is among the news
}

// A departure is when a user's grace ends, unless the user is back by then.
type departure struct {
	user   string
	number uint32
	at     time.Time
}

// arrive notes the user's first session on this node. A user who was gone for
// less than the grace has not left.
func (p *presence) arrive(user string) {
	s := p.stays[user]
	s.departure, s.over = 0, false
	p.set(user, s)
}

// depart notes that the user's last session on this node is gone, and returns
// whether the clock has to look at due again.
func (p *presence) depart(user string, now time.Time) bool {
	s := p.stays[user]
	if p.grace <= 0 {
		s.over = true
		p.set(user, s)
		return false
	}
	p.departed = max(1, p.departed+1)
	s.departure = p.departed
	p.set(user, s)
	p.departures.Push(departure{user, p.departed, now.Add(p.grace)})
	if p.departures.Len() > 2*len(p.stays)+64 {
		p.dropReturned()
	}
	return p.departures.Len() == 1
}

// dropReturned drops the departures of users who have come back since, so that
// they are never many more than the users.
func (p *presence) dropReturned() {
	for range p.departures.Len() {
		if d := p.departures.Pop(); p.stays[d.user].departure == d.number {
			p.departures.Push(d)
		}
	}
}

// due returns when the next grace ends.
func (p *presence) due() (time.Time, bool) {
	if p.departures.Len() == 0 {
		return time.Time{}, false
	}
	return p.departures.At(0).at.Add(1), true
}

// sweep ends every grace that is over.
func (p *presence) sweep(now time.Time) {
	for p.departures.Len() > 0 && now.After(p.departures.At(0).at) {
		d := p.departures.Pop()
		if s := p.stays[d.user]; s.departure == d.number {
			s.departure, s.over = 0, true
			p.set(d.user, s)
		}
	}
}

// set changes a stay, and queues its user if the log has to be told.
func (p *presence) set(user string, s stay) {
	before := p.countOnlyHere(user)
	if s.announced == s.over && !s.queued {
		s.queued = true
		p.news.Push(user)
	}
	if s.over && !s.announced && !s.queued {
		delete(p.stays, user)
	} else {
		p.stays[user] = s
	}
	p.onlyHere += p.countOnlyHere(user) - before
}

// announcement is a run of users of whom the log is told the same.
type announcement struct {
	kind  envelope.Kind
	users []string
}

// takeNews returns what the log is to be told, in order. While the last news
// are on their way through the log, what happens is collected: a user who comes
// and goes meanwhile is no news, so that they are never more than the users.
func (p *presence) takeNews() []announcement {
	if p.announcing > 0 {
		return nil
	}
	var all []announcement
	for n := 0; n < rollUsers && p.news.Len() > 0; n++ {
		user := p.news.Pop()
		s := p.stays[user]
		s.queued = false
		if s.announced == s.over {
			s.announced = !s.over
			all = appendRun(all, newsOf(s), user)
		}
		p.set(user, s)
	}
	p.announcing = len(all)
	return all
}

func newsOf(s stay) envelope.Kind {
	if s.over {
		return envelope.KindOffline
	}
	return envelope.KindOnline
}

func appendRun(all []announcement, k envelope.Kind, user string) []announcement {
	if last := len(all) - 1; last >= 0 && all[last].kind == k {
		all[last].users = append(all[last].users, user)
		return all
	}
	return append(all, announcement{k, []string{user}})
}

// announced returns the users of this node of whom the log was told.
func (p *presence) announced() []string {
	var users []string
	for user, s := range p.stays {
		if s.announced {
			users = append(users, user)
		}
	}
	return users
}

// isHere tells whether the user is on this node.
func (p *presence) isHere(user string) bool {
	s, known := p.stays[user]
	return known && !s.over
}

func (p *presence) isOnlyHere(user string) bool { return p.isHere(user) && p.users[user] == 0 }

// countOnlyHere is 1 if the user is only here, else 0. What changes that keeps
// onlyHere by the difference.
func (p *presence) countOnlyHere(user string) int {
	if p.isOnlyHere(user) {
		return 1
	}
	return 0
}
