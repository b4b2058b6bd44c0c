package hub

import (
	"context"

	"github.com/echo-pull/pull/internal/envelope"
)

// waiting holds the goroutines that wait for the hub to apply messages. It is
// passive: its owner guards it.
type waiting struct {
	positions waitlist      // pages that are ahead of the log, by offset
	own       waitlist      // calls that wait for a message of this node, by sequence number
	claims    claims        // requests that publish events
	moved     chan struct{} // closed when the position changes; nil when nothing waits for that
}

func (h *Hub) wakeWaiting() {
	h.waiting.positions.wake(h.history.Last())
	h.waiting.own.wake(h.applied.Load())
	h.waiting.claims.wake()
	if h.waiting.moved != nil {
		close(h.waiting.moved)
		h.waiting.moved = nil
	}
}

// Await waits until the condition holds. It checks the condition at once and
// whenever the hub has moved. It reports whether the condition held before ctx
// ended.
func (h *Hub) Await(ctx context.Context, condition func() bool) bool {
	for {
		moved := h.movement()
		if condition() {
			return true
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return condition()
		}
	}
}

// movement returns a channel that is closed when the hub next moves.
func (h *Hub) movement() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()

	if h.waiting.moved == nil {
		h.waiting.moved = make(chan struct{})
	}
	return h.waiting.moved
}

// maxAhead bounds the pages that wait for a position at a time.
const maxAhead = 1000

// IsAhead reports whether a cursor is a little ahead of the log. Such a cursor
// is from another node, which has read further.
func (h *Hub) IsAhead(c envelope.Cursor) bool {
	here := h.Cursor()
	return c.Epoch == here.Epoch && c.Offset > here.Offset && c.Offset-here.Offset < inboxMessages
}

// AwaitPosition waits until the log has reached the position or has been
// replaced, or until ctx ends. It returns an error at once if too many pages
// wait already.
func (h *Hub) AwaitPosition(ctx context.Context, at envelope.Cursor) error {
	h.mu.Lock()
	if at.Epoch != h.epoch || at.Offset <= h.history.Last() {
		h.mu.Unlock()
		return nil
	}
	if len(h.waiting.positions) >= maxAhead {
		h.mu.Unlock()
		return errTooManyAhead
	}
	w := h.waiting.positions.add(at.Offset)
	h.mu.Unlock()

	h.waitFor(ctx, &h.waiting.positions, w)
	return nil
}

// AwaitApplied waits until the hub has applied this node's message with the
// sequence number. It reports whether that was before ctx ended.
func (h *Hub) AwaitApplied(ctx context.Context, seq uint64) bool {
	h.mu.Lock()
	if h.applied.Load() >= seq {
		h.mu.Unlock()
		return true
	}
	w := h.waiting.own.add(seq)
	h.mu.Unlock()

	h.waitFor(ctx, &h.waiting.own, w)
	return h.applied.Load() >= seq
}

func (h *Hub) waitFor(ctx context.Context, list *waitlist, w *waiter) {
	select {
	case <-w.reached:
	case <-ctx.Done():
		h.mu.Lock()
		list.remove(w)
		h.mu.Unlock()
	}
}

// AwaitSettled waits until the hub has applied this node's message with the
// sequence number, and the pages have been given all messages up to that one. It
// reports whether that was before ctx ended.
func (h *Hub) AwaitSettled(ctx context.Context, seq uint64) bool {
	if !h.AwaitApplied(ctx, seq) {
		return false
	}
	epoch, last := h.lastApplied()
	return h.Await(ctx, func() bool { return h.isSettled(epoch, last) })
}

func (h *Hub) lastApplied() (epoch string, offset uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.epoch, h.history.Last()
}

// isSettled reports whether the pages have been given all messages of an epoch up
// to an offset.
func (h *Hub) isSettled(epoch string, offset uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.epoch != epoch || h.settled >= offset
}
