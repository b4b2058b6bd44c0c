package engine

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/signal"
)

// hooks call the application when users come and go: in order, one call at a
// time, on a goroutine of their own, so that a slow one holds nothing up. Where
// many wait, a user who comes and goes before the application has been told of
// either is no news: so there are never many more of them than users.
type hooks struct {
	online, offline func(user string)
	report          func(error)

	mu      sync.Mutex               // guards what follows
	queue   list.List                // of changes
	waiting map[string]*list.Element // the last change of a user in queue
	arrive  chan struct{}
}

func newHooks(online, offline func(user string), report func(error)) *hooks {
	return &hooks{
		online: online, offline: offline, report: report,
		waiting: make(map[string]*list.Element), arrive: make(chan struct{}, 1),
	}
}

// tell queues the changes that this node tells of.
func (h *hooks) tell(changes []hub.Change) {
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

	signal.Send(h.arrive)
}

// manyHooks is from how many waiting changes on opposite ones cancel out.
const manyHooks = 1000

// add queues a change; the caller holds mu.
func (h *hooks) add(c hub.Change) {
	before := h.waiting[c.User]
	switch {
	case before != nil && before.Value.(hub.Change).Online == c.Online: //nolint:forcetypeassert // holds nothing else
	case before != nil && h.queue.Len() >= manyHooks:
		h.queue.Remove(before)
		delete(h.waiting, c.User)
	default:
		h.waiting[c.User] = h.queue.PushBack(c)
	}
}

// run calls the hooks until ctx ends. What has happened by then is still told.
func (h *hooks) run(ctx context.Context) {
	for {
		h.callAll()
		select {
		case <-h.arrive:
		case <-ctx.Done():
			h.callAll()
			return
		}
	}
}

func (h *hooks) callAll() {
	for c, ok := h.take(); ok; c, ok = h.take() {
		h.call(c)
	}
}

func (h *hooks) take() (hub.Change, bool) {
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

// call runs one hook. What panics in it is the application's mistake, but no
// reason to take the application down.
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
