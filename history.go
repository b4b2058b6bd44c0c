package pull

import (
	"time"
)

// A message is what the window remembers of an envelope. addr and body are
// parts of the log's own bytes. A control message has neither: it only keeps its
// place, so that positions in the window are offsets in the log.
type message struct {
	offset  uint64
	at      int64  // unix nanoseconds
	expires uint64 // unix seconds
	addr    address
	body    []byte
}

func (m *message) size() int { return len(m.addr) + len(m.body) }

// A history is the window: the recent part of the log, and for each user and
// tag where in it their messages are. It is passive: its owner guards it.
type history struct {
	age   time.Duration
	count int
	bytes int

	log    deque[message]
	next   uint64 // offset after the last one
	size   int    // bytes of the messages in log
	shared offsets
	users  map[string]*offsets
	tags   map[string]*offsets
}

// offsets are the positions of one address's messages, ascending.
type offsets = deque[uint64]

// reset forgets everything: the next message is at offset next.
func (h *history) reset(next uint64) {
	h.log, h.next, h.size, h.shared = deque[message]{}, next, 0, offsets{}
	h.users, h.tags = make(map[string]*offsets), make(map[string]*offsets)
}

func (h *history) first() uint64 { return h.next - uint64(h.log.len()) } //nolint:gosec // a length
func (h *history) last() uint64  { return h.next - 1 }

// covers tells whether everything after the offset is still here.
func (h *history) covers(offset uint64) bool { return h.first() <= offset+1 && offset+1 <= h.next }

func (h *history) at(offset uint64) *message {
	return h.log.at(int(offset - h.first())) //nolint:gosec // within the window
}

// append remembers the message at the offset next, and forgets what that
// pushes out of the window at the time now; never the message itself.
func (h *history) append(m message, now int64) {
	m.offset = h.next
	h.log.push(m)
	h.next++
	h.size += m.size()
	if m.addr != nil {
		h.index(&m)
	}
	h.evict(now, 1)
}

func (h *history) index(m *message) {
	for t := range m.addr.terms() {
		if t.shared {
			add(&h.shared, m.offset)
		}
		for user := range t.users.all() {
			addTo(h.users, user, m.offset)
		}
		for tag := range t.tags.all() {
			addTo(h.tags, tag, m.offset)
		}
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
		if h.log.len() <= h.count && h.size <= h.bytes && h.log.at(0).at >= oldest {
			return false
		}
		if h.log.len() <= keep {
			return true
		}
		m := h.log.pop()
		h.size -= m.size()
		if m.addr != nil {
			h.unindex(&m)
		}
	}
	return false
}

func (h *history) unindex(m *message) {
	for t := range m.addr.terms() {
		if t.shared {
			drop(&h.shared, m.offset)
		}
		for user := range t.users.all() {
			dropFrom(h.users, user, m.offset)
		}
		for tag := range t.tags.all() {
			dropFrom(h.tags, tag, m.offset)
		}
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
