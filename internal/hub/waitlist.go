package hub

import "container/heap"

// A waitlist holds goroutines that wait for a number to be reached, the lowest
// number first. Each step wakes only those whose number is reached. It is
// passive: its owner guards it.
type waitlist []*waiter

// A waiter is one entry of a waitlist.
type waiter struct {
	number  uint64
	reached chan struct{} // closed when number is reached
	place   int           // index in the list; -1 once it is removed
}

// add returns a new waiter for the number.
func (l *waitlist) add(number uint64) *waiter {
	w := &waiter{number: number, reached: make(chan struct{})}
	heap.Push(l, w)
	return w
}

// remove removes a waiter, if it is still in the list.
func (l *waitlist) remove(w *waiter) {
	if w.place >= 0 {
		heap.Remove(l, w.place)
	}
}

// wake removes and wakes the waiters for the number and for lower ones.
func (l *waitlist) wake(number uint64) {
	for len(*l) > 0 && (*l)[0].number <= number {
		close(heap.Pop(l).(*waiter).reached) //nolint:forcetypeassert // holds nothing else
	}
}

// Len implements heap.Interface.
func (l *waitlist) Len() int { return len(*l) }

// Less implements heap.Interface.
func (l *waitlist) Less(i, j int) bool { return (*l)[i].number < (*l)[j].number }

// Swap implements heap.Interface.
func (l *waitlist) Swap(i, j int) {
	(*l)[i], (*l)[j] = (*l)[j], (*l)[i]
	(*l)[i].place, (*l)[j].place = i, j
}

// Push implements heap.Interface.
func (l *waitlist) Push(x any) {
	w := x.(*waiter) //nolint:forcetypeassert // of heap.Interface
	w.place = len(*l)
	*l = append(*l, w)
}

// Pop implements heap.Interface.
func (l *waitlist) Pop() any {
	last := len(*l) - 1
	w := (*l)[last]
	(*l)[last] = nil
	*l = (*l)[:last]
	w.place = -1
	return w
}
