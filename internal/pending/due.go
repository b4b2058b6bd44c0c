package pending

import (
	"container/heap"
	"slices"
	"time"
)

// Next returns when something is due.
func (l *List) Next() (time.Time, bool) {
	if len(l.due) == 0 {
		return time.Time{}, false
	}
	return l.due[0].due, true
}

// Due returns up to most notifications to send now. isLooking reports whether the
// user looks at a page of this node. deadAfter is how long a page that is not
// connected any more may seem to be.
func (l *List) Due(now time.Time, most int, isLooking func(user string) bool, deadAfter time.Duration) []*Entry {
	var due []*Entry
	for len(due) < most && len(l.due) > 0 && !l.due[0].due.After(now) {
		e := heap.Pop(&l.due).(*Entry) //nolint:forcetypeassert // holds nothing else
		switch {
		case e.state == held || !now.Before(e.Note.Expires):
			l.remove(e)
		case isLooking(e.User):
			e.state, e.due = held, now.Add(deadAfter)
			e.Note.held++
			heap.Push(&l.due, e)
		case l.isBlocked(e): // Finish makes it due again
		default:
			e.state = sending
			due = append(due, e)
		}
	}
	return due
}

// isBlocked reports whether a notification with the same tag is being sent to the
// user. If both were on their way, the older one might arrive last.
func (l *List) isBlocked(e *Entry) bool {
	return slices.ContainsFunc(l.users[e.User], func(other *Entry) bool {
		return other.state == sending && other.Note.Tag == e.Note.Tag
	})
}

// Finish ends the sending of a notification. If retry is positive, it is tried
// again after that time, unless it has become unnecessary or will have expired.
func (l *List) Finish(e *Entry, retry time.Duration, now time.Time) {
	if e.state != sending {
		return
	}
	e.tries++
	e.state = waiting
	if again := now.Add(retry); retry <= 0 || e.obsolete || !again.Before(e.Note.Expires) {
		if e.Note.left > 1 { // else the mark of the note says it
			l.marks = append(l.marks, e.Note.ID+markSeparator+e.User)
		}
		l.remove(e)
	} else if e.due = again; l.isOurs(e) { // else another node has claimed it meanwhile
		heap.Push(&l.due, e)
	}
	l.unblock(e, now)
}

// unblock makes due what has waited for an entry.
func (l *List) unblock(e *Entry, now time.Time) {
	for _, other := range l.users[e.User] {
		if other.state == waiting && other.index < 0 && other.Note.Tag == e.Note.Tag && l.isOurs(other) {
			other.due = now
			heap.Push(&l.due, other)
		}
	}
}

// Search returns a note whose recipients this node has to find, or nil.
func (l *List) Search(isSearched func(*Note) bool) *Note {
	for n := range l.everyone {
		if n.Owner == l.self && !isSearched(n) {
			return n
		}
	}
	return nil
}

// Wants reports whether a user, who has devices, is still to be notified of a note
// to everyone.
func (n *Note) Wants(user string) bool {
	_, done := n.done[user]
	return n.Everyone && !done && !n.withdrawn && !slices.ContainsFunc(n.spared, func(is func(string) bool) bool { return is(user) })
}

// EndSearch ends the search for the recipients of a note.
func (l *List) EndSearch(n *Note) {
	if n.Everyone {
		l.endSearch(n)
	}
}

func (l *List) endSearch(n *Note) {
	n.Everyone, n.done, n.spared = false, nil, nil
	delete(l.everyone, n)
	l.release(n)
}

// IsOver reports whether no recipients have to be found any more: the note has
// expired or was withdrawn, or another node has found them.
func (n *Note) IsOver(now time.Time) bool {
	return !n.Everyone || n.withdrawn || !now.Before(n.Expires)
}

// Hurry makes everything due that waits for the first time, also what is added
// later.
func (l *List) Hurry(now time.Time) {
	l.hurried = true
	for _, e := range l.due {
		if e.state == waiting && e.tries == 0 && e.due.After(now) {
			e.due = now
		}
	}
	heap.Init(&l.due)
}

// IsBusy reports whether notifications are being sent, or due, or their recipients
// searched.
func (l *List) IsBusy(now time.Time) bool {
	for n := range l.everyone {
		if n.Owner == l.self {
			return true
		}
	}
	for _, all := range l.users {
		for _, e := range all {
			if e.state == sending || e.state == waiting && l.isOurs(e) && !e.due.After(now) {
				return true
			}
		}
	}
	return false
}

// Left returns how many notifications wait, without those that are held.
func (l *List) Left() int {
	left := l.count
	for _, n := range l.notes {
		left -= n.held
	}
	return left
}

// HasMarks reports whether TakeMarks has something to return.
func (l *List) HasMarks() bool { return len(l.marks) > 0 }

// TakeMarks returns what the other nodes have to know, up to most, and whether
// there is more.
func (l *List) TakeMarks(most int) (marks []string, more bool) {
	n := min(most, len(l.marks))
	marks = l.marks[:n:n]
	if l.marks = l.marks[n:]; len(l.marks) == 0 {
		l.marks = nil
	}
	return marks, l.marks != nil
}
