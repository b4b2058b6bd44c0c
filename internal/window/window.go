// Package window keeps the recent part of a log of messages, with an index of
// each user's and tag's messages.
package window

import (
	"sort"
	"time"
)

// A Message is an event of the log. It shares the log's own bytes.
type Message struct {
	Offset uint64
	Aged   int64  // when it was sent, unix nanoseconds, or the latest such time before it if that is later: clocks differ
	raw    []byte // the envelope
	addr   uint32 // index in raw of the address, and of what stands between that and the body
	body   uint32 // index in raw of the body
}

// NewMessage returns a message with the contents of an envelope. The envelope
// ends with the address and the body.
func NewMessage(raw []byte, addressBytes, bodyBytes int) Message {
	body := len(raw) - bodyBytes
	return Message{raw: raw, addr: uint32(body - addressBytes), body: uint32(body)} //nolint:gosec // a message is far below 4 GiB
}

// Raw returns the envelope.
func (m *Message) Raw() []byte { return m.raw }

// Addr returns the encoded address, and what only some users get of the message.
func (m *Message) Addr() []byte { return m.raw[m.addr:m.body] }

// Body returns the part that pages receive.
func (m *Message) Body() []byte { return m.raw[m.body:] }

// size returns the bytes that the node keeps for the message, without its place
// in the index.
func (m *Message) size() int { return len(m.raw) + messageBytes + recordBytes + markBytes }

// A Window holds the events of the recent part of the log, and for each user
// and tag the offsets of their messages. Control messages use an offset but are
// not kept. A Window is passive: its owner guards it.
type Window struct {
	age      time.Duration
	maxCount int
	maxBytes int

	keys              KeysOf
	addKey, removeKey func(tag bool, name []byte) // add current to the index of a key, or remove it; made once, so that a call allocates nothing
	current           uint64

	log    Deque[Message] // ascending by offset, with gaps where control messages were
	from   uint64         // the window holds every event from this offset on
	latest int64          // when the latest message so far was sent
	end    uint64         // offset of the next message
	size   int            // total bytes of the messages in log and of the index
	shared Offsets
	users  lists
	tags   lists
	series series

	publications publications
}

// New returns a window that is bounded in age, number of messages and bytes.
// The first message is at offset 1. keys visits the users and tags of an
// address.
func New(age time.Duration, count, bytes int, keys KeysOf) *Window {
	w := &Window{age: age, maxCount: count, maxBytes: bytes, keys: keys}
	w.addKey, w.removeKey = w.addToIndex, w.removeFromIndex
	w.Reset(1)
	return w
}

// Reset drops all messages. The next message is at offset next.
func (w *Window) Reset(next uint64) {
	w.log, w.from, w.end, w.latest, w.size = Deque[Message]{}, next, next, 0, 0
	w.shared, w.users, w.tags, w.series = Offsets{}, lists{}, lists{}, series{}
	w.publications = publications{}
}

// Next returns the offset of the next message.
func (w *Window) Next() uint64 { return w.end }

// Last returns the offset of the last message, or of the position before the
// first one.
func (w *Window) Last() uint64 { return w.end - 1 }

// Latest returns when the latest of all messages so far was sent, in unix
// nanoseconds.
func (w *Window) Latest() int64 { return w.latest }

// Oldest returns when the oldest message in the window was sent, in unix nanoseconds,
// or 0 if the window is empty.
func (w *Window) Oldest() int64 {
	if w.log.Len() == 0 {
		return 0
	}
	return w.log.At(0).Aged
}

// Len returns the number of messages in the window.
func (w *Window) Len() int { return w.log.Len() }

// Size returns the bytes that the node keeps for the messages in the window: the
// messages themselves, their places in the window and in the embedded log, and
// the index.
func (w *Window) Size() int { return w.size }

// MaxAge returns the bound of the age.
func (w *Window) MaxAge() time.Duration { return w.age }

// CountAfter returns the number of messages after an offset.
func (w *Window) CountAfter(offset uint64) int { return w.log.Len() - w.indexAfter(offset) }

// Covers reports whether the window still holds everything after an offset.
func (w *Window) Covers(offset uint64) bool { return w.from <= offset+1 && offset+1 <= w.end }

// indexAfter returns the index in log of the first message after an offset.
func (w *Window) indexAfter(offset uint64) int {
	n := w.log.Len()
	if n == 0 || offset < w.log.At(0).Offset {
		return 0
	}
	// Without gaps the index would be top. Each gap moves it down by one at most.
	first, last := w.log.At(0).Offset, w.log.At(n-1).Offset
	top := min(uint64(n), offset-first+1)                          //nolint:gosec // a length
	low := top - min(top, last-first+1-uint64(n))                  //nolint:gosec // a length
	return int(low) + sort.Search(int(top-low), func(i int) bool { //nolint:gosec // within the window
		return w.log.At(int(low)+i).Offset > offset //nolint:gosec // within the window
	})
}

// Newest returns the last message in the window, which must not be empty.
func (w *Window) Newest() *Message { return w.log.At(w.log.Len() - 1) }

// At returns the message at an offset. The window must hold it.
func (w *Window) At(offset uint64) *Message { return w.log.At(w.indexAfter(offset - 1)) }

// First returns the offset from which on the window holds every event.
func (w *Window) First() uint64 { return w.from }

// agedPerAppend bounds how many messages one Append evicts because of their age.
// A burst becomes old all at once; evicting it takes a time that nobody should
// have to wait for. Evict drops what is left.
const agedPerAppend = 8

// Append adds a message, sent at a time not after now, at the next offset. It
// evicts the messages that exceed the bounds of number and bytes, and some of
// those that are too old at the time now. It always keeps the new one.
func (w *Window) Append(m Message, at, now int64) {
	w.Skip(at)
	m.Offset, m.Aged = w.Last(), w.latest
	w.log.Push(m)
	w.size += m.size()
	w.index(&m)
	for w.log.Len() > 1 && w.isFull() {
		w.pop()
	}
	w.Evict(now, max(1, w.log.Len()-agedPerAppend))
}

// isFull reports whether the window exceeds the bound of number or bytes.
func (w *Window) isFull() bool { return w.log.Len() > w.maxCount || w.size > w.maxBytes }

// Skip uses the next offset for a message that the window does not keep, sent
// at the given time.
func (w *Window) Skip(at int64) {
	w.end++
	w.latest = max(w.latest, at)
}

// Evict drops the oldest messages as long as the window exceeds a bound at the
// time now, but keeps at least keep of them. It reports whether the window
// still exceeds a bound.
func (w *Window) Evict(now int64, keep int) bool {
	if w.latest-now >= int64(time.Second) {
		w.setBack(now)
	}
	oldest := now - int64(w.age)
	defer w.forgetPublished(oldest)
	for w.log.Len() > 0 {
		if !w.isFull() && w.log.At(0).Aged >= oldest {
			return false
		}
		if w.log.Len() <= keep {
			return true
		}
		w.pop()
	}
	return false
}

// setBack corrects the ages after the clock was set back: no message can have been
// sent later than now. Otherwise those of before would never become old.
func (w *Window) setBack(now int64) {
	for i := w.log.Len() - 1; i >= 0 && w.log.At(i).Aged > now; i-- {
		w.log.At(i).Aged = now
	}
	w.publications.setBack(now)
	w.latest = now
}

// pop drops the oldest message.
func (w *Window) pop() {
	m := w.log.Pop()
	w.from = m.Offset + 1
	w.size -= m.size()
	w.unindex(&m)
	w.leaveSeries(m.Offset)
}
