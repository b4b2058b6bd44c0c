package pull

import (
	"container/list"
	"context"
	"fmt"
	"sync"

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
func (h *hooks) tell(changes []change) {
	if h.online == nil && h.offline == nil {
		return
	}
	h.mu.Lock()
	for _, c := range changes {
		if c.ours {
			h.add(c)
		}
	}
	h.mu.Unlock()

	signal.Send(h.arrive)
}

// manyHooks is from how many waiting changes on opposite ones cancel out.
const manyHooks = 1000

// add queues a change; the caller holds mu.
func (h *hooks) add(c change) {
	before := h.waiting[c.user]
	switch {
	case before != nil && before.Value.(change).online == c.online: //nolint:forcetypeassert // holds nothing else
	case before != nil && h.queue.Len() >= manyHooks:
		h.queue.Remove(before)
		delete(h.waiting, c.user)
	default:
		h.waiting[c.user] = h.queue.PushBack(c)
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

func (h *hooks) take() (change, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	first := h.queue.Front()
	if first == nil {
		return change{}, false
	}
	c := h.queue.Remove(first).(change) //nolint:forcetypeassert // holds nothing else
	if h.waiting[c.user] == first {
		delete(h.waiting, c.user)
	}
	return c, true
}

// call runs one hook. What panics in it is the application's mistake, but no
// reason to take the application down.
func (h *hooks) call(c change) {
	defer func() {
		if v := recover(); v != nil {
			h.report(fmt.Errorf("pull: hook for user %q panicked: %v", c.user, v))
		}
	}()
	hook := h.online
	if !c.online {
		hook = h.offline
	}
	if hook != nil {
		hook(c.user)
	}
}
