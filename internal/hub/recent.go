package hub

import (
	"cmp"
	"slices"

	"github.com/echo-pull/pull/internal/explain"
	"github.com/echo-pull/pull/internal/window"
)

// mostRecent bounds the events of one answer, and lookedAt those of which RecentOf finds
// out whether they are for the user.
const (
	mostRecent = 1000
	lookedAt   = 200
)

// Recent returns the last events of the window, the newest first: up to n, and 1,000 at
// most.
func (h *Hub) Recent(n int) []explain.Event {
	messages := h.newest(n)
	events := make([]explain.Event, 0, len(messages))
	for i := range messages {
		events = append(events, *explain.EventOf(&messages[i], sentAt(&messages[i])))
	}
	return events
}

func (h *Hub) newest(n int) (messages []window.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()

	for i := range max(0, min(n, mostRecent, h.history.Len())) {
		messages = append(messages, *h.history.Back(i))
	}
	return messages
}

// RecentOf returns the last events of the window that are for a user, "" for a guest, the
// newest first: up to n of the last 200 that may be. Those that only a page's own watch
// covers are not among them. It takes the lock once for each event that it looks at: to
// find out whether one of many users is among them takes a while.
func (h *Hub) RecentOf(user string, n int) (events []explain.Event) {
	for _, offset := range h.offsetsOf(user) {
		if len(events) >= n {
			break
		}
		if m, ok := h.messageOf(user, offset); ok {
			events = append(events, *explain.EventOf(&m, sentAt(&m)))
		}
	}
	return events
}

// messageOf returns a copy of the message at an offset if it is still in the window, and
// for the user.
func (h *Hub) messageOf(user string, offset uint64) (m window.Message, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	found := h.history.Find(offset)
	if found == nil || !h.isForUser(found, user) {
		return m, false
	}
	return *found, true
}

// offsetsOf returns the offsets of the last events that may be for a user, the newest
// first.
func (h *Hub) offsetsOf(user string) []uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()

	return lastOf(h.listsFor(user), lookedAt)
}

// lastOf returns the last n offsets of the lists, each once, the last first.
func lastOf(lists []*window.Offsets, n int) (offsets []uint64) {
	lists = slices.DeleteFunc(lists, func(list *window.Offsets) bool { return list.Len() == 0 })
	slices.SortFunc(lists, func(a, b *window.Offsets) int { return cmp.Compare(fromEnd(b, 0), fromEnd(a, 0)) })
	lists = lists[:min(n, len(lists))] // the others have none of the last n
	taken := make([]int, len(lists))
	for len(offsets) < n {
		newest := uint64(0)
		for i, list := range lists {
			newest = max(newest, fromEnd(list, taken[i]))
		}
		if newest == 0 {
			break
		}
		offsets = append(offsets, newest)
		for i, list := range lists {
			if fromEnd(list, taken[i]) == newest {
				taken[i]++
			}
		}
	}
	return offsets
}

// fromEnd returns an offset of a list, counted from the last one, or 0.
func fromEnd(list *window.Offsets, i int) uint64 {
	if i >= list.Len() {
		return 0
	}
	return *list.At(list.Len() - 1 - i)
}
