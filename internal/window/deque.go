package window

// A Deque is a queue with access by index. It reuses the space of removed
// items, so that a window sliding over a log does not allocate.
type Deque[T any] struct {
	items []T
	head  int
}

// Len returns the number of items.
func (d *Deque[T]) Len() int { return len(d.items) - d.head }

// At returns a pointer to the item at index i. It is valid until the next Push
// or Pop.
func (d *Deque[T]) At(i int) *T { return &d.items[d.head+i] }

// Push adds an item at the end.
func (d *Deque[T]) Push(item T) {
	if d.head > len(d.items)/2 && len(d.items) == cap(d.items) {
		d.compact()
	}
	d.items = append(d.items, item)
}

// Pop removes and returns the first item. It clears the item's place, which
// would otherwise keep alive what the item points to.
func (d *Deque[T]) Pop() T { //nolint:ireturn // whatever T is
	var none T
	first := d.items[d.head]
	d.items[d.head] = none
	d.head++
	if d.head == len(d.items) {
		d.items, d.head = d.items[:0], 0
	}
	return first
}

func (d *Deque[T]) compact() {
	n := copy(d.items, d.items[d.head:])
	clear(d.items[n:])
	d.items, d.head = d.items[:n], 0
}
