package window

// A Deque is a queue of values that also answers by position. It reuses the
// room at its front, so that a window sliding over a log does not allocate.
type Deque[T any] struct {
	items []T
	head  int
}

func (d *Deque[T]) Len() int    { return len(d.items) - d.head }
func (d *Deque[T]) At(i int) *T { return &d.items[d.head+i] }

func (d *Deque[T]) Push(item T) {
	if d.head > len(d.items)/2 && len(d.items) == cap(d.items) {
		d.compact()
	}
	d.items = append(d.items, item)
}

// Pop removes the first item. Its place is cleared: it must not keep alive what
// it points to.
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
