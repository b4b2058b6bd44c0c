package pull

import (
	"context"
	"fmt"
	"sync"
)

// hooks call the application when users come and go: in order, one call at a
// time, on a goroutine of their own, so that a slow one holds nothing up.
type hooks struct {
	online, offline func(user string)
	report          func(error)

	mu     sync.Mutex // guards queue
	queue  []change
	arrive chan struct{}
}

func newHooks(online, offline func(user string), report func(error)) *hooks {
	return &hooks{online: online, offline: offline, report: report, arrive: make(chan struct{}, 1)}
}

// tell queues the changes that this node tells of.
func (h *hooks) tell(changes []change) {
	if h.online == nil && h.offline == nil {
		return
	}
	h.mu.Lock()
	for _, c := range changes {
		if c.ours {
			h.queue = append(h.queue, c)
		}
	}
	h.mu.Unlock()

	signal(h.arrive)
}

func (h *hooks) run(ctx context.Context) {
	for {
		for _, c := range h.take() {
			h.call(c)
		}
		select {
		case <-h.arrive:
		case <-ctx.Done():
			return
		}
	}
}

func (h *hooks) take() []change {
	h.mu.Lock()
	defer h.mu.Unlock()

	taken := h.queue
	h.queue = nil
	return taken
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
