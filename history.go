package pull

import (
	"sort"
	"time"
)

// A message is what the window remembers of an event's envelope.
type message struct {
	offset  uint64
	at      int64  // when it was sent, unix nanoseconds
	aged    int64  // the same, but never before the message ahead of it: clocks differ
	expires uint64 // unix seconds
	content []byte // the address and then the body, a part of the log's own bytes
	head    int    // how much of it is the address
}

// newMessage returns a message that was sent at a time, unix nanoseconds, and
// expires at another, unix seconds. content is its address and its body.
func newMessage(at int64, expires uint64, content []byte, addressBytes int) message {
	return message{at: at, expires: expires, content: content, head: addressBytes}
}

func (m *message) addr() []byte { return m.content[:m.head] }
func (m *message) body() []byte { return m.content[m.head:] }
func (m *message) size() int    { return len(m.content) }

// keysOf calls visit for each user and tag at an address, and with a nil name
// if the address has everyone.
type keysOf func(address []byte, visit func(tag bool, name []byte))

// A history is the window: the events of the recent part of the log, and for
// each user and tag where in it their messages are. Control messages take no
// place in it. It is passive: its owner guards it.
type history struct {
	age   time.Duration
	count int
	bytes int

	keys       keysOf
	enter, cut func(tag bool, name []byte) // add current to an index, or remove it
	current    uint64

	log    deque[message] // by offset, in which there may be gaps
	from   uint64         // nothing is missing from this offset on
	latest int64          // of all times in the log
	end    uint64         // offset after the last one
	size   int            // bytes of the messages in log
	shared offsets
	users  map[string]*offsets
	tags   map[string]*offsets
}

// offsets are the positions of one address's messages, ascending.
type offsets = deque[uint64]

// newHistory returns a window that is bounded in age, messages and bytes. The
// first message is at offset 1.
func newHistory(age time.Duration, count, bytes int, keys keysOf) *history {
	h := &history{age: age, count: count, bytes: bytes, keys: keys}
	h.enter, h.cut = h.enterList, h.cutList
	h.reset(1)
	return h
}

// reset forgets everything: the next message is at offset next.
func (h *history) reset(next uint64) {
	h.log, h.from, h.end, h.latest, h.size, h.shared = deque[message]{}, next, next, 0, 0, offsets{}
	h.users, h.tags = make(map[string]*offsets), make(map[string]*offsets)
}

// next returns the offset after the last one, and last that one.
func (h *history) next() uint64 { return h.end }
func (h *history) last() uint64 { return h.end - 1 }

// len returns how many messages the window holds, and weight their bytes.
func (h *history) len() int    { return h.log.len() }
func (h *history) weight() int { return h.size }

// countAfter returns how many messages there are after an offset.
func (h *history) countAfter(offset uint64) int { return h.log.len() - h.indexAfter(offset) }

// covers tells whether everything after the offset is still here.
func (h *history) covers(offset uint64) bool { return h.from <= offset+1 && offset+1 <= h.end }

// indexAfter returns where in log the first message after an offset is.
func (h *history) indexAfter(offset uint64) int {
	n := h.log.len()
	if n == 0 || offset < h.log.at(0).offset {
		return 0
	}
	// Without gaps it would be at the top; with them it is that many places below at most.
	first, last := h.log.at(0).offset, h.log.at(n-1).offset
	top := min(uint64(n), offset-first+1)                          //nolint:gosec // a length
	low := top - min(top, last-first+1-uint64(n))                  //nolint:gosec // a length
	return int(low) + sort.Search(int(top-low), func(i int) bool { //nolint:gosec // within the window
		return h.log.at(int(low)+i).offset > offset //nolint:gosec // within the window
	})
}

// newest returns the message that was remembered last.
func (h *history) newest() *message { return h.log.at(h.log.len() - 1) }

// at returns the message at an offset at which there is one.
func (h *history) at(offset uint64) *message { return h.log.at(h.indexAfter(offset - 1)) }

// append remembers the message at the offset next, and forgets what that
// pushes out of the window at the time now; never the message itself.
func (h *history) append(m message, now int64) {
	h.skip(m.at)
	m.offset, m.aged = h.last(), h.latest
	h.log.push(m)
	h.size += m.size()
	h.index(&m)
	h.evict(now, 1)
}

// skip passes the offset of a message, which was sent at a time.
func (h *history) skip(at int64) {
	h.end++
	h.latest = max(h.latest, at)
}

func (h *history) index(m *message) {
	h.current = m.offset
	h.keys(m.addr(), h.enter)
}

func (h *history) enterList(tag bool, name []byte) {
	switch {
	case name == nil:
		add(&h.shared, h.current)
	case tag:
		addTo(h.tags, name, h.current)
	default:
		addTo(h.users, name, h.current)
	}
}

func addTo(lists map[string]*offsets, key []byte, offset uint64) {
	list := lists[string(key)]
	if list == nil {
		list = new(offsets)
		lists[string(key)] = list
	}
	add(list, offset)
}

func add(list *offsets, offset uint64) {
	if n := list.len(); n == 0 || *list.at(n - 1) != offset {
		list.push(offset)
	}
}

// evict forgets messages that are over a bound at the time now, but keeps some. It
// returns whether one of those is over a bound as well.
func (h *history) evict(now int64, keep int) bool {
	oldest := now - int64(h.age)
	for h.log.len() > 0 {
		if h.log.len() <= h.count && h.size <= h.bytes && h.log.at(0).aged >= oldest {
			return false
		}
		if h.log.len() <= keep {
			return true
		}
		m := h.log.pop()
		h.from = m.offset + 1
		h.size -= m.size()
		h.unindex(&m)
	}
	return false
}

func (h *history) unindex(m *message) {
	h.current = m.offset
	h.keys(m.addr(), h.cut)
}

func (h *history) cutList(tag bool, name []byte) {
	switch {
	case name == nil:
		drop(&h.shared, h.current)
	case tag:
		dropFrom(h.tags, name, h.current)
	default:
		dropFrom(h.users, name, h.current)
	}
}

func dropFrom(lists map[string]*offsets, key []byte, offset uint64) {
	if list := lists[string(key)]; list != nil {
		if drop(list, offset); list.len() == 0 {
			delete(lists, string(key))
		}
	}
}

func drop(list *offsets, offset uint64) {
	if list.len() > 0 && *list.at(0) == offset {
		list.pop()
	}
}
