package pending

import (
	"container/heap"
	"slices"
	"strings"
	"time"
)

// Looked removes what a user need not be notified of any more, because the user has
// looked at a page after it was sent. What is held stays: its page may be the one
// that is dead.
func (l *List) Looked(user string, isBefore func(*Note) bool) {
	for _, e := range slices.Clone(l.users[user]) {
		if e.state != held && isBefore(e.Note) {
			l.withdraw(e)
		}
	}
	for n := range l.everyone {
		if isBefore(n) {
			n.serve(user)
		}
	}
}

// serve notes that a user needs a note to everyone no more.
func (n *Note) serve(user string) {
	if n.done == nil {
		n.done = make(map[string]struct{})
	}
	n.done[user] = struct{}{}
}

// Confirmed removes everything of a user whose page has been received from: what
// was sent to it before has arrived, or will.
func (l *List) Confirmed(user string) {
	for _, e := range slices.Clone(l.users[user]) {
		l.withdraw(e)
	}
	for n := range l.everyone {
		n.serve(user)
	}
}

// Awaits reports whether it matters that the user looks at a page.
func (l *List) Awaits(user string) bool {
	for n := range l.everyone {
		if n.Wants(user) {
			return true
		}
	}
	return len(l.users[user]) > 0
}

// Withdraw removes the notifications with a tag of a user.
func (l *List) Withdraw(user, tag string) {
	for _, e := range slices.Clone(l.users[user]) {
		if e.Note.Tag == tag {
			l.withdraw(e)
		}
	}
	for n := range l.everyone {
		if n.Tag == tag {
			n.serve(user)
		}
	}
}

// WithdrawAll removes the notifications with a tag of all users to whom the
// withdrawal is addressed, also of those who are not found yet. If it is for
// everyone, without exception, the search for recipients ends.
func (l *List) WithdrawAll(tag string, everyone bool, isAddressed func(user string) bool) {
	for _, n := range l.notes {
		switch {
		case n.Tag != tag:
			continue
		case n.Everyone && everyone:
			n.withdrawn, n.spared = true, nil
		case n.Everyone && !n.withdrawn:
			n.spared = append(n.spared, isAddressed)
		}
		for e := n.first; e != nil; e = e.nextOfNote {
			if e.state != gone && isAddressed(e.User) {
				l.withdraw(e)
			}
		}
	}
}

// Notified applies what another node, or this one, has done with notifications.
func (l *List) Notified(marks []string) {
	for _, mark := range marks {
		id, user, _ := strings.Cut(mark, markSeparator)
		n := l.notes[id]
		switch {
		case n == nil:
		case user != "":
			l.finishUser(n, user)
		default:
			l.finishNote(n)
		}
	}
}

func (l *List) finishUser(n *Note, user string) {
	if n.Everyone {
		n.serve(user)
	}
	for _, e := range slices.Clone(l.users[user]) {
		if e.Note == n && e.state == waiting {
			l.remove(e)
		}
	}
}

// finishNote removes a note but for what is held here, or was.
func (l *List) finishNote(n *Note) {
	if n.Everyone && n.Owner != l.self {
		l.endSearch(n)
	}
	for e := n.first; e != nil; e = e.nextOfNote {
		if e.state == waiting && !e.ours {
			l.remove(e)
		}
	}
}

// Expire removes what has expired a minute ago, of up to most notes. Otherwise what
// another node never says to be done would stay for ever. Each call looks at others.
func (l *List) Expire(now time.Time, most int) {
	before := now.Add(-time.Minute) // clocks differ
	for _, n := range l.notes {
		if most--; most < 0 {
			return
		}
		if before.Before(n.Expires) {
			continue
		}
		if n.Everyone && n.Owner != l.self {
			l.endSearch(n)
		}
		for e := n.first; e != nil; e = e.nextOfNote {
			l.drop(e)
		}
	}
}

// Dead makes due what was held for a user since a time, because the page at which
// the user looked then was not connected any more. It reports whether there is
// anything.
func (l *List) Dead(user string, since, now time.Time) (missed bool) {
	for _, e := range l.users[user] {
		if e.state == held && !e.Note.Sent.Before(since) {
			e.state, e.due, e.ours = waiting, now, true // the others know that the user was looking
			e.Note.held--
			heap.Fix(&l.due, e.index)
			missed = true
		}
	}
	return missed
}
