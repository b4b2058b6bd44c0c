package hub

import (
	"container/heap"
	"context"

	"github.com/echo-pull/pull/internal/envelope"
)

// A waitlist is who waits for a number to be reached, the lowest first: a
// movement wakes those whom it concerns and nobody else. It is passive: its
// owner guards it.
type waitlist []*waiter

type waiter struct {
	number  uint64
	reached chan struct{} // closed when it is
	place   int           // in the list; -1 when it is not there any more
}

// add waits for a number.
func (l *waitlist) add(number uint64) *waiter {
	w := &waiter{number: number, reached: make(chan struct{})}
	heap.Push(l, w)
	return w
}

// remove waits no longer.
func (l *waitlist) remove(w *waiter) {
	if w.place >= 0 {
		heap.Remove(l, w.place)
	}
}

// wake wakes those who wait for the number or a lower one.
func (l *waitlist) wake(number uint64) {
	for len(*l) > 0 && (*l)[0].number <= number {
		close(heap.Pop(l).(*waiter).reached) //nolint:forcetypeassert // holds nothing else
	}
}

func (l *waitlist) Len() int           { return len(*l) }
func (l *waitlist) Less(i, j int) bool { return (*l)[i].number < (*l)[j].number }

func (l *waitlist) Swap(i, j int) {
	(*l)[i], (*l)[j] = (*l)[j], (*l)[i]
	(*l)[i].place, (*l)[j].place = i, j
}

func (l *waitlist) Push(x any) {
	w := x.(*waiter) //nolint:forcetypeassert // of heap.Interface
	w.place = len(*l)
	*l = append(*l, w)
}

func (l *waitlist) Pop() any {
	last := len(*l) - 1
	w := (*l)[last]
	(*l)[last] = nil
	*l = (*l)[:last]
	w.place = -1
	return w
}

// waitersAhead bounds the pages that wait for a position at a time.
const waitersAhead = 1000

// IsAhead reports whether a cursor is a little ahead of the log: it is of another
// node that has read on.
func (n *Hub) IsAhead(c envelope.Cursor) bool {
	here := n.Cursor()
	return c.Epoch == here.Epoch && c.Offset > here.Offset && c.Offset-here.Offset < inboxMessages
}

// AwaitPosition waits until the log has reached a cursor's position or is another
// one, or until ctx ends. It is false where too many wait already.
func (n *Hub) AwaitPosition(ctx context.Context, at envelope.Cursor) bool {
	n.mu.Lock()
	if at.Epoch != n.epoch || at.Offset <= n.history.Last() {
		n.mu.Unlock()
		return true
	}
	if len(n.positions) >= waitersAhead {
		n.mu.Unlock()
		return false
	}
	w := n.positions.add(at.Offset)
	n.mu.Unlock()

	n.waitFor(ctx, &n.positions, w)
	return true
}

// AwaitApplied waits until the node has applied a message of its own, and
// returns whether that was before ctx ended.
func (n *Hub) AwaitApplied(ctx context.Context, name uint64) bool {
	n.mu.Lock()
	if n.applied.Load() >= name {
		n.mu.Unlock()
		return true
	}
	w := n.names.add(name)
	n.mu.Unlock()

	n.waitFor(ctx, &n.names, w)
	return n.applied.Load() >= name
}

func (n *Hub) waitFor(ctx context.Context, list *waitlist, w *waiter) {
	select {
	case <-w.reached:
	case <-ctx.Done():
		n.mu.Lock()
		list.remove(w)
		n.mu.Unlock()
	}
}
