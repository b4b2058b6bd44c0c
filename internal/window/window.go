// Package window remembers the recent part of a log of messages, and where in it
// the messages of each user and tag are.
package window

import (
	"sort"
	"time"
)

// A Message is what the window remembers of an event's envelope.
type Message struct {
	Offset  uint64
	At      int64  // when it was sent, unix nanoseconds
	aged    int64  // the same, but never before the message ahead of it: clocks differ
	Expires uint64 // unix seconds
	content []byte // the address and then the body, a part of the log's own bytes
	head    int    // how much of it is the address
}

// NewMessage returns a message that was sent at a time, unix nanoseconds, and
// expires at another, unix seconds. content is its address and its body.
func NewMessage(at int64, expires uint64, content []byte, addressBytes int) Message {
	return Message{At: at, Expires: expires, content: content, head: addressBytes}
}

func (m *Message) Addr() []byte { return m.content[:m.head] }
func (m *Message) Body() []byte { return m.content[m.head:] }
func (m *Message) size() int    { return len(m.content) }

// KeysOf calls visit for each user and tag at an address, and with a nil name
// if the address has everyone.
type KeysOf func(address []byte, visit func(tag bool, name []byte))

// A Window is the window: the events of the recent part of the log, and for
// each user and tag where in it their messages are. Control messages take no
// place in it. It is passive: its owner guards it.
type Window struct {
	age   time.Duration
	count int
	bytes int

	keys       KeysOf
	enter, cut func(tag bool, name []byte) // add current to an index, or remove it
	current    uint64

	log    Deque[Message] // by offset, in which there may be gaps
	from   uint64         // nothing is missing from this offset on
	latest int64          // of all times in the log
	end    uint64         // offset after the last one
	size   int            // bytes of the messages in log
	shared Offsets
	users  map[string]*Offsets
	tags   map[string]*Offsets
}

// Offsets are the positions of one address's messages, ascending.
type Offsets = Deque[uint64]

// New returns a window that is bounded in age, messages and bytes. The
// first message is at offset 1.
func New(age time.Duration, count, bytes int, keys KeysOf) *Window {
	w := &Window{age: age, count: count, bytes: bytes, keys: keys}
	w.enter, w.cut = w.enterList, w.cutList
	w.Reset(1)
	return w
}

// Reset forgets everything: the next message is at offset next.
func (w *Window) Reset(next uint64) {
	w.log, w.from, w.end, w.latest, w.size, w.shared = Deque[Message]{}, next, next, 0, 0, Offsets{}
	w.users, w.tags = make(map[string]*Offsets), make(map[string]*Offsets)
}

// Next returns the offset after the last one, and last that one.
func (w *Window) Next() uint64 { return w.end }
func (w *Window) Last() uint64 { return w.end - 1 }

// Len returns how many messages the window holds, and weight their bytes.
func (w *Window) Len() int    { return w.log.Len() }
func (w *Window) Weight() int { return w.size }

// MaxAge returns how old a message in the window may be.
func (w *Window) MaxAge() time.Duration { return w.age }

// OfEveryone, ofUser and ofTag return the offsets of the messages to one of them,
// nil for none.
func (w *Window) OfEveryone() *Offsets        { return &w.shared }
func (w *Window) OfUser(user string) *Offsets { return w.users[user] }
func (w *Window) OfTag(tag string) *Offsets   { return w.tags[tag] }

// CountAfter returns how many messages there are after an offset.
func (w *Window) CountAfter(offset uint64) int { return w.log.Len() - w.indexAfter(offset) }

// Covers tells whether everything after the offset is still here.
func (w *Window) Covers(offset uint64) bool { return w.from <= offset+1 && offset+1 <= w.end }

// indexAfter returns where in log the first message after an offset is.
func (w *Window) indexAfter(offset uint64) int {
	n := w.log.Len()
	if n == 0 || offset < w.log.At(0).Offset {
		return 0
	}
	// Without gaps it would be at the top; with them it is that many places below at most.
	first, last := w.log.At(0).Offset, w.log.At(n-1).Offset
	top := min(uint64(n), offset-first+1)                          //nolint:gosec // a length
	low := top - min(top, last-first+1-uint64(n))                  //nolint:gosec // a length
	return int(low) + sort.Search(int(top-low), func(i int) bool { //nolint:gosec // within the window
		return w.log.At(int(low)+i).Offset > offset //nolint:gosec // within the window
	})
}

// Newest returns the message that was remembered last.
func (w *Window) Newest() *Message { return w.log.At(w.log.Len() - 1) }

// At returns the message at an offset at which there is one.
func (w *Window) At(offset uint64) *Message { return w.log.At(w.indexAfter(offset - 1)) }

// Append remembers the message at the offset next, and forgets what that
// pushes out of the window at the time now; never the message itself.
func (w *Window) Append(m Message, now int64) {
	w.Skip(m.At)
	m.Offset, m.aged = w.Last(), w.latest
	w.log.Push(m)
	w.size += m.size()
	w.index(&m)
	w.Evict(now, 1)
}

// Skip passes the offset of a message, which was sent at a time.
func (w *Window) Skip(at int64) {
	w.end++
	w.latest = max(w.latest, at)
}

func (w *Window) index(m *Message) {
	w.current = m.Offset
	w.keys(m.Addr(), w.enter)
}

func (w *Window) enterList(tag bool, name []byte) {
	switch {
	case name == nil:
		add(&w.shared, w.current)
	case tag:
		addTo(w.tags, name, w.current)
	default:
		addTo(w.users, name, w.current)
	}
}

func addTo(lists map[string]*Offsets, key []byte, offset uint64) {
	list := lists[string(key)]
	if list == nil {
		list = new(Offsets)
		lists[string(key)] = list
	}
	add(list, offset)
}

func add(list *Offsets, offset uint64) {
	if n := list.Len(); n == 0 || *list.At(n - 1) != offset {
		list.Push(offset)
	}
}

// Evict forgets messages that are over a bound at the time now, but keeps some. It
// returns whether one of those is over a bound as well.
func (w *Window) Evict(now int64, keep int) bool {
	oldest := now - int64(w.age)
	for w.log.Len() > 0 {
		if w.log.Len() <= w.count && w.size <= w.bytes && w.log.At(0).aged >= oldest {
			return false
		}
		if w.log.Len() <= keep {
			return true
		}
		m := w.log.Pop()
		w.from = m.Offset + 1
		w.size -= m.size()
		w.unindex(&m)
	}
	return false
}

func (w *Window) unindex(m *Message) {
	w.current = m.Offset
	w.keys(m.Addr(), w.cut)
}

func (w *Window) cutList(tag bool, name []byte) {
	switch {
	case name == nil:
		drop(&w.shared, w.current)
	case tag:
		dropFrom(w.tags, name, w.current)
	default:
		dropFrom(w.users, name, w.current)
	}
}

func dropFrom(lists map[string]*Offsets, key []byte, offset uint64) {
	if list := lists[string(key)]; list != nil {
		if drop(list, offset); list.Len() == 0 {
			delete(lists, string(key))
		}
	}
}

func drop(list *Offsets, offset uint64) {
	if list.Len() > 0 && *list.At(0) == offset {
		list.Pop()
	}
}
