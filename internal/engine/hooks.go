package engine

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/signal"
)

// hooks calls the application when users come and go: in order, one call at a
// time, on a goroutine of its own, so that a slow hook blocks nothing else. If
// many changes wait, opposite changes of a user cancel each other out, so that
// there are never many more changes than users.
type hooks struct {
	online, offline func(user string)
	report          func(error)

	mu      sync.Mutex               // guards queue and waiting
	queue   list.List                // of hub.Change
	waiting map[string]*list.Element // the last change of a user in queue
	ready   chan struct{}            // the queue is not empty
}

func newHooks(online, offline func(user string), report func(error)) *hooks {
	return &hooks{
		online: online, offline: offline, report: report,
		waiting: make(map[string]*list.Element), ready: make(chan struct{}, 1),
	}
}

// notify queues the changes that are for this node's application.
func (h *hooks) notify(changes []hub.Change) {
	if h.online == nil && h.offline == nil {
		return
	}
	h.mu.Lock()
	for _, c := range changes {
		if c.Ours {
			h.add(c)
		}
	}
	h.mu.Unlock()

	signal.Send(h.ready)
}

// cancelFrom is the number of waiting changes from which on opposite ones cancel
// each other out.
const cancelFrom = 1000

// add queues a change; the caller holds mu.
func (h *hooks) add(c hub.Change) {
	before := h.waiting[c.User]
	switch {
	case before != nil && before.Value.(hub.Change).Online == c.Online: //nolint:forcetypeassert // holds nothing else
	case before != nil && h.queue.Len() >= cancelFrom:
		h.queue.Remove(before)
		delete(h.waiting, c.User)
	default:
		h.waiting[c.User] = h.queue.PushBack(c)
	}
}

// run calls the hooks until ctx ends, and for the changes queued by then.
func (h *hooks) run(ctx context.Context) {
	for {
		h.callAll()
		select {
		case <-h.ready:
		case <-ctx.Done():
			h.callAll()
			return
		}
	}
}

// callAll calls the hooks for all changes in the queue.
func (h *hooks) callAll() {
	for c, ok := h.next(); ok; c, ok = h.next() {
		h.call(c)
	}
}

// next removes the first change from the queue.
func (h *hooks) next() (hub.Change, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	first := h.queue.Front()
	if first == nil {
		return hub.Change{}, false
	}
	c := h.queue.Remove(first).(hub.Change) //nolint:forcetypeassert // holds nothing else
	if h.waiting[c.User] == first {
		delete(h.waiting, c.User)
	}
	return c, true
}

// call calls one hook. A panic in it is the application's mistake, but must not
// end the process: call reports it.
func (h *hooks) call(c hub.Change) {
	defer func() {
		if v := recover(); v != nil {
			h.report(fmt.Errorf("pull: hook for user %q panicked: %v", c.User, v))
		}
	}()
	hook := h.online
	if !c.Online {
		hook = h.offline
	}
	if hook != nil {
		hook(c.User)
	}
}
