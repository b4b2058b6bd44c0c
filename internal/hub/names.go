package hub

import (
	"hash/maphash"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/window"
)

// maxNames is how many offsets are remembered, in four bytes each, and how many
// events without a name, in eight.
const maxNames = 1 << 17

// names tells whether a message that is delivered again is the one that was at its
// offset before, and whether an event without a name was in the log before it
// broke. It is passive: its owner guards it.
type names struct {
	seed  maphash.Seed
	first uint64               // offset of the first mark
	marks window.Deque[uint32] // of consecutive offsets

	unnamed window.Deque[uint64] // hashes of the last events without a name
	past    map[uint64]struct{}  // those of before the log broke; nil if it has not
}

func newNames() names { return names{seed: maphash.MakeSeed(), first: 1} }

// reset forgets everything. The next message is at the offset.
func (n *names) reset(offset uint64) { n.first, n.marks = offset, window.Deque[uint32]{} }

// breakLog notes that the log may deliver again what it has delivered before.
func (n *names) breakLog() {
	n.past = make(map[uint64]struct{}, n.unnamed.Len())
	for i := range n.unnamed.Len() {
		n.past[*n.unnamed.At(i)] = struct{}{}
	}
}

// isNew reports whether an event without a name is not one of before the log
// broke, and remembers it.
func (n *names) isNew(raw []byte) bool {
	sum := maphash.Bytes(n.seed, raw)
	if _, had := n.past[sum]; had {
		return false
	}
	if n.unnamed.Len() == maxNames {
		n.unnamed.Pop()
	}
	n.unnamed.Push(sum)
	return true
}

// add remembers the next message.
func (n *names) add(raw []byte) {
	if n.marks.Len() == maxNames {
		n.marks.Pop()
		n.first++
	}
	n.marks.Push(n.mark(raw))
}

// has reports whether a message is the one at an offset, if that is known.
func (n *names) has(offset uint64, raw []byte) (same, known bool) {
	if offset < n.first || offset-n.first >= uint64(n.marks.Len()) { //nolint:gosec // a length
		return false, false
	}
	return *n.marks.At(int(offset - n.first)) == n.mark(raw), true //nolint:gosec // below the length
}

// mark returns a hash of the name, or of the whole message if it has none.
func (n *names) mark(raw []byte) uint32 {
	if len(raw) >= envelope.HeaderBytes && envelope.Seq(raw) > 0 {
		raw = raw[:envelope.HeaderBytes]
	}
	return uint32(maphash.Bytes(n.seed, raw)) //nolint:gosec // some of the bits
}
