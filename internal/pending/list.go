package pending

import (
	"container/heap"
	"slices"
	"time"
)

// The bounds of a list. Beyond them the oldest notification of the user, or the
// new one, is dropped.
const (
	MaxEntries = 200_000
	MaxBytes   = 64 << 20 // of what the log has of the notes
	MaxPerUser = 100
)

// markSeparator separates the id and the user of a mark. Neither contains it.
const markSeparator = "\n"

// A List holds notifications until they are sent or unnecessary. Every node has
// the same entries, apart from the time that news takes, and each entry is sent by
// one of them. A List is passive: its owner guards it.
type List struct {
	self  string // the node
	notes map[string]*Note
	users map[string][]*Entry // in the order in which they were added

	owners map[string]int // number of notes of each owner
	due    queue          // what this node has to look at again, the earliest first
	count  int
	bytes  int      // the size of all notes
	marks  []string // what the other nodes have to know, as KindNotified has it

	everyone map[*Note]struct{} // whose recipients are not all known
	hurried  bool               // nothing waits for the first time any more

	// Dropped counts the notifications that exceeded a bound.
	Dropped uint64

	// Withdrawn counts those that became unnecessary before they were sent.
	Withdrawn uint64
}

// NewList returns the list of a node.
func NewList(self string) *List {
	return &List{
		self: self, notes: make(map[string]*Note), users: make(map[string][]*Entry),
		owners: make(map[string]int), everyone: make(map[*Note]struct{}),
	}
}

// Len returns the number of notifications that wait, each for one user.
func (l *List) Len() int { return l.count }

// Begin adds a note without recipients. It returns false if there is no room.
func (l *List) Begin(n *Note) bool {
	if l.bytes+n.Size > MaxBytes {
		l.Dropped++
		return false
	}
	l.bytes += n.Size
	l.notes[n.ID] = n
	l.owners[n.Owner]++
	if n.Everyone {
		n.left++ // the search for recipients
		l.everyone[n] = struct{}{}
	}
	return true
}

// End removes a note without recipients, which no one has been notified of. It is
// called after the recipients of a note were added.
func (l *List) End(n *Note) {
	if n.left == 0 && l.notes[n.ID] == n {
		l.forget(n)
	}
}

// Add adds a recipient, to be notified at a time unless something happens before.
// looking is set if the user looks at a page of this node: then the note is held
// until that time, and dropped.
//
// A note replaces one with the same tag that waits, and takes over its time: a
// user whom many notes reach is not notified later than by the first.
func (l *List) Add(n *Note, user string, due time.Time, looking bool) { //nolint:revive // the user's state, not a mode
	due, has := l.replace(n, user, due, looking)
	if has || looking && l.count >= MaxEntries/2 { // there is room only for those who certainly have to be notified
		return
	}
	if l.count >= MaxEntries || !l.makeRoom(user) {
		l.Dropped++
		return
	}
	e := &Entry{Note: n, User: user, due: due, index: -1}
	switch {
	case looking:
		e.state = held
		n.held++
	case l.hurried:
		e.due = n.Sent
	case due.After(n.Expires):
		e.due = n.Expires
	}
	e.link()
	n.left++
	l.count++
	l.users[user] = append(l.users[user], e)
	if l.isOurs(e) {
		heap.Push(&l.due, e)
	}
}

// replace removes what a note replaces. It returns when the note is due, and whether
// the user has it already, by another way to match the target.
func (l *List) replace(n *Note, user string, due time.Time, looking bool) (_ time.Time, has bool) { //nolint:revive // the user's state, not a mode
	for _, e := range slices.Clone(l.users[user]) {
		switch {
		case e.Note.Tag != n.Tag:
		case e.state == sending:
			e.obsolete = true
		case e.Note == n:
			return due, true
		default:
			if e.state == waiting && e.due.Before(due) && !looking {
				due = e.due
			}
			l.remove(e)
		}
	}
	return due, false
}

// makeRoom reports whether the user may have one more entry. It drops the oldest
// one that is not being sent.
func (l *List) makeRoom(user string) bool {
	all := l.users[user]
	if len(all) < MaxPerUser {
		return true
	}
	for _, e := range all {
		if e.state != sending {
			l.Dropped++
			l.remove(e)
			return true
		}
	}
	return false
}

// isOurs reports whether this node has to look at an entry when it is due.
func (l *List) isOurs(e *Entry) bool { return e.state == held || e.ours || e.Note.Owner == l.self }

// remove removes an entry, and its note with the last one.
func (l *List) remove(e *Entry) {
	if e.state == gone {
		return
	}
	if e.state == held {
		e.Note.held--
	}
	e.state = gone
	l.count--
	e.unlink()
	if e.index >= 0 {
		heap.Remove(&l.due, e.index)
	}
	all := l.users[e.User]
	if i := slices.Index(all, e); i >= 0 {
		all = slices.Delete(all, i, i+1)
	}
	if len(all) == 0 {
		delete(l.users, e.User)
	} else {
		l.users[e.User] = all
	}
	l.release(e.Note)
}

// link adds an entry to those of its note.
func (e *Entry) link() {
	if e.nextOfNote = e.Note.first; e.nextOfNote != nil {
		e.nextOfNote.prevOfNote = e
	}
	e.Note.first = e
}

// unlink removes an entry from those of its note. Whoever walks over them may
// continue from it.
func (e *Entry) unlink() {
	if e.prevOfNote != nil {
		e.prevOfNote.nextOfNote = e.nextOfNote
	} else {
		e.Note.first = e.nextOfNote
	}
	if e.nextOfNote != nil {
		e.nextOfNote.prevOfNote = e.prevOfNote
	}
}

// release removes a note with its last entry. Its owner lets the other nodes know.
func (l *List) release(n *Note) {
	if n.left--; n.left > 0 || l.notes[n.ID] != n {
		return
	}
	l.forget(n)
	if n.Owner == l.self {
		l.marks = append(l.marks, n.ID+markSeparator)
	}
}

// forget removes a note.
func (l *List) forget(n *Note) {
	delete(l.notes, n.ID)
	l.bytes -= n.Size
	if l.owners[n.Owner]--; l.owners[n.Owner] == 0 {
		delete(l.owners, n.Owner)
	}
}

// withdraw drops an entry that has become unnecessary.
func (l *List) withdraw(e *Entry) {
	if e.state != gone && !e.obsolete {
		l.Withdrawn++
	}
	l.drop(e)
}

// drop removes an entry, or makes it obsolete if it is being sent.
func (l *List) drop(e *Entry) {
	if e.state == sending {
		e.obsolete = true
		return
	}
	l.remove(e)
}

// A queue is a heap of entries by the time when they are due.
type queue []*Entry

func (q *queue) Len() int           { return len(*q) }
func (q *queue) Less(i, j int) bool { return (*q)[i].due.Before((*q)[j].due) }
func (q *queue) Swap(i, j int) {
	all := *q
	all[i], all[j] = all[j], all[i]
	all[i].index, all[j].index = i, j
}

// Push implements [heap.Interface].
func (q *queue) Push(x any) {
	e := x.(*Entry) //nolint:forcetypeassert // holds nothing else
	e.index = len(*q)
	*q = append(*q, e)
}

// Pop implements [heap.Interface].
func (q *queue) Pop() any {
	old := *q
	last := len(old) - 1
	e := old[last]
	old[last] = nil
	e.index = -1
	*q = old[:last]
	return e
}
