package window

import "slices"

// A Deque is a queue with access by index. A short one is a ring that grows. A
// long one continues in chunks of a fixed size: it never copies what it holds,
// and gives chunks back as they become empty. While it slides it allocates
// nothing. The zero value is empty.
type Deque[T any] struct {
	ring []T // the first items; its length is its capacity, chunkItems at most
	head uint32
	n    uint32   // items in ring
	more *rest[T] // the items after a full ring; nil if there have never been any
}

// chunkItems bounds a ring, and is the number of items of a chunk.
const chunkItems = 512

// A rest is the part of a long deque after its ring.
type rest[T any] struct {
	chunks [][]T // each of capacity chunkItems; only the last one has room
	n      int   // items in chunks
	spare  []T   // an empty chunk for the next use, or nil
}

// Len returns the number of items.
func (d *Deque[T]) Len() int {
	if d.more == nil {
		return int(d.n)
	}
	return int(d.n) + d.more.n
}

// Room returns the number of items for which the deque has memory.
func (d *Deque[T]) Room() int {
	if d.more == nil {
		return len(d.ring)
	}
	return len(d.ring) + chunkItems*len(d.more.chunks) + cap(d.more.spare)
}

// At returns a pointer to the item at index i. It is valid until the next Push
// or Pop.
func (d *Deque[T]) At(i int) *T {
	if i >= int(d.n) {
		i -= int(d.n)
		return &d.more.chunks[i/chunkItems][i%chunkItems]
	}
	if i += int(d.head); i >= len(d.ring) {
		i -= len(d.ring)
	}
	return &d.ring[i]
}

// Push adds an item at the end.
func (d *Deque[T]) Push(item T) {
	if d.more != nil && d.more.n > 0 || d.n == chunkItems {
		d.pushMore(item)
		return
	}
	if int(d.n) == len(d.ring) {
		d.resize(min(chunkItems, len(d.ring)+len(d.ring)/2+1))
	}
	d.n++
	*d.At(int(d.n) - 1) = item
}

// Pop removes and returns the first item. It clears the item's place, which
// would otherwise keep alive what the item points to.
func (d *Deque[T]) Pop() T { //nolint:ireturn // whatever T is
	var none T
	first := d.ring[d.head]
	d.ring[d.head] = none
	if d.head++; int(d.head) == len(d.ring) {
		d.head = 0
	}
	d.n--
	switch {
	case d.more == nil || d.more.n == 0:
		if len(d.ring) > smallRing && int(d.n) < len(d.ring)/4 {
			d.resize(len(d.ring) / 2)
			d.more = nil
		}
	case d.n == 0:
		d.nextChunk()
	}
	return first
}

// smallRing is the size of a ring up to which it does not shrink.
const smallRing = 8

// resize moves the items to a ring of the given size. No chunk may follow.
func (d *Deque[T]) resize(size int) {
	ring := make([]T, size)
	for i := range int(d.n) {
		ring[i] = *d.At(i)
	}
	d.ring, d.head = ring, 0
}

// pushMore adds an item after the ring.
func (d *Deque[T]) pushMore(item T) {
	if d.more == nil {
		d.more = new(rest[T])
	}
	m := d.more
	if m.n%chunkItems == 0 {
		chunk := m.spare
		if m.spare = nil; chunk == nil {
			chunk = make([]T, 0, chunkItems)
		}
		m.chunks = append(m.chunks, chunk)
	}
	last := &m.chunks[len(m.chunks)-1]
	*last = append(*last, item)
	m.n++
}

// nextChunk makes the first chunk the ring.
func (d *Deque[T]) nextChunk() {
	m := d.more
	m.spare = d.ring[:0]
	first := m.chunks[0]
	m.chunks = slices.Delete(m.chunks, 0, 1)
	m.n -= len(first)
	d.ring, d.head, d.n = first[:chunkItems], 0, uint32(len(first)) //nolint:gosec // chunkItems at most
}
