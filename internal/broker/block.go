package broker

import (
	"bytes"
	"math"
	"sort"

	"github.com/echo-pull/pull/internal/window"
)

// A block holds the bytes of consecutive messages. It saves an allocation for
// each message, and its rounding. Deliveries, and with them the window of the
// plugin, share its bytes, which never move; a block lives as long as anything
// points into it.
type block struct {
	first uint64 // offset of its first message
	bytes []byte
}

const (
	blockBytes = 64 << 10 // of a full block
	largeBytes = 8 << 10  // a message from this size on has a block of its own
)

// A record is where a message is in its block.
type record struct{ start, size uint32 }

// asControl as the size of a record is a transient message, which is in no block.
const asControl = math.MaxUint32

// A control is a transient message. It can be removed before those around it.
type control struct {
	offset  uint64
	message []byte
}

// push appends a message that enters the log at a time. The caller holds mu.
func (m *Memory) push(at int64, message []byte) {
	m.addMoment(at)
	if m.isTransient(message) {
		m.controls.Push(control{m.next, bytes.Clone(message)})
		m.controlBytes += len(message)
		m.records.Push(record{size: asControl})
	} else {
		b := m.blockWithRoom(len(message))
		m.records.Push(record{uint32(len(b.bytes)), uint32(len(message))}) //nolint:gosec // far below 4 GiB
		b.bytes = append(b.bytes, message...)
		if len(message) < largeBytes {
			m.shared = len(b.bytes)
		}
		m.count++
		m.bytes += len(message)
	}
	m.next++
}

// isTransient reports whether a message matters only until all followers have
// read it.
func (m *Memory) isTransient(message []byte) bool {
	return m.transient != nil && (len(message) == 0 || m.transient(message))
}

// blockWithRoom returns the block for the next message, of size bytes. The caller
// holds mu.
func (m *Memory) blockWithRoom(size int) *block {
	if n := m.blocks.Len(); n > 0 {
		if last := m.blocks.At(n - 1); size <= cap(last.bytes)-len(last.bytes) {
			return last
		}
	}
	most := size
	if size < largeBytes {
		most = max(size, min(2*m.shared, blockBytes)) // a short log, or few messages between large ones, need no full block
	}
	m.blocks.Push(block{m.next, make([]byte, 0, most)})
	return m.blocks.At(m.blocks.Len() - 1)
}

// pop drops the first message. The caller holds mu.
func (m *Memory) pop() {
	offset := m.first()
	r := m.records.Pop()
	if r.size != asControl {
		m.count--
		m.bytes -= int(r.size)
	} else if m.controls.Len() > 0 && m.controls.At(0).offset == offset {
		m.popControl()
	}
	if m.moments.Len() > 1 && m.moments.At(1).first == offset+1 {
		m.moments.Pop()
	}
	switch {
	case m.records.Len() == 0:
		m.content = content{}
	case m.count == 0: // what is left is transient
		m.blocks, m.shared = window.Deque[block]{}, 0
	case m.blocks.Len() > 1 && m.blocks.At(1).first == offset+1:
		m.blocks.Pop()
	}
}

func (m *Memory) popControl() { m.controlBytes -= len(m.controls.Pop().message) }

// blockOf returns the block of a message. The caller holds mu.
func (m *Memory) blockOf(offset uint64) *block {
	last := m.blocks.Len() - 1
	if b := m.blocks.At(last); b.first <= offset {
		return b // as for most readers, who wait for the next message
	}
	return m.blocks.At(sort.Search(last, func(i int) bool { return m.blocks.At(i).first > offset }) - 1)
}

// message returns a message, or nil for a transient one that was removed. The
// caller holds mu.
func (m *Memory) message(offset uint64) []byte {
	r := m.records.At(int(offset - m.first())) //nolint:gosec // an index
	if r.size != asControl {
		end := r.start + r.size
		return m.blockOf(offset).bytes[r.start:end:end]
	}
	i := sort.Search(m.controls.Len(), func(i int) bool { return m.controls.At(i).offset >= offset })
	if i < m.controls.Len() && m.controls.At(i).offset == offset {
		return m.controls.At(i).message
	}
	return nil
}
