package pull

// A deque is a queue of values that also answers by position. It reuses the
// room at its front, so that a window sliding over a log does not allocate.
type deque[T any] struct {
	items []T
	head  int
}

func (d *deque[T]) len() int    { return len(d.items) - d.head }
func (d *deque[T]) at(i int) *T { return &d.items[d.head+i] }

func (d *deque[T]) push(item T) {
	if d.head > len(d.items)/2 && len(d.items) == cap(d.items) {
		d.compact()
	}
	d.items = append(d.items, item)
}

// pop removes the first item. Its place is cleared: it must not keep alive what
// it points to.
func (d *deque[T]) pop() T { //nolint:ireturn // whatever T is
	var none T
	first := d.items[d.head]
	d.items[d.head] = none
	d.head++
	if d.head == len(d.items) {
		d.items, d.head = d.items[:0], 0
	}
	return first
}

func (d *deque[T]) compact() {
	n := copy(d.items, d.items[d.head:])
	clear(d.items[n:])
	d.items, d.head = d.items[:n], 0
}
