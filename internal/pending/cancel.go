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
func (l *List) Looked(user string) {
	for _, e := range slices.Clone(l.users[user]) {
		if e.state != held {
			l.drop(e)
		}
	}
	if l.everyone == 0 {
		return
	}
	for _, n := range l.notes {
		if n.Everyone {
			n.look(user)
		}
	}
}

func (n *Note) look(user string) {
	if n.looked == nil {
		n.looked = make(map[string]struct{})
	}
	n.looked[user] = struct{}{}
}

// Confirmed removes everything of a user whose page has been received from: what
// was sent to it before has arrived, or will.
func (l *List) Confirmed(user string) {
	for _, e := range slices.Clone(l.users[user]) {
		l.drop(e)
	}
	l.Looked(user)
}

// Awaits reports whether it matters that the user looks at a page.
func (l *List) Awaits(user string) bool { return l.everyone > 0 || len(l.users[user]) > 0 }

// Withdraw removes the notifications with a tag of a user.
func (l *List) Withdraw(user, tag string) {
	for _, e := range slices.Clone(l.users[user]) {
		if e.Note.Tag == tag {
			l.drop(e)
		}
	}
	if l.everyone == 0 {
		return
	}
	for _, n := range l.notes {
		if n.Everyone && n.Tag == tag {
			n.look(user)
		}
	}
}

// WithdrawAll removes the notifications with a tag of all users to whom the
// withdrawal is addressed, and ends the search for recipients.
func (l *List) WithdrawAll(tag string, isAddressed func(user string) bool) {
	for _, n := range l.notes {
		if n.Tag != tag {
			continue
		}
		n.withdrawn = n.Everyone
		for e := n.first; e != nil; e = e.nextOfNote {
			if e.state != gone && isAddressed(e.User) {
				l.drop(e)
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
	for _, e := range slices.Clone(l.users[user]) {
		if e.Note == n && e.state == waiting {
			l.remove(e)
		}
	}
}

// finishNote removes a note but for what is held here.
func (l *List) finishNote(n *Note) {
	if n.Everyone && n.Owner != l.self {
		l.endSearch(n)
	}
	for e := n.first; e != nil; e = e.nextOfNote {
		if e.state == waiting {
			l.remove(e)
		}
	}
}

// Dead makes due what was held for a user since a time, because the page at which
// the user looked then was not connected any more.
func (l *List) Dead(user string, since, now time.Time) {
	for _, e := range l.users[user] {
		if e.state == held && !e.Note.Sent.Before(since) {
			e.state, e.due, e.ours = waiting, now, true // the others know that the user was looking
			heap.Fix(&l.due, e.index)
		}
	}
}
