package hub

import (
	"maps"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/tally"
)

// Counts is a snapshot of what the hub holds, and of what it has counted and measured
// since it was created.
type Counts struct {
	Pages, Users, Guests, Watches, PageWatches, Nodes int

	Transports map[string]int

	Epoch  string
	Offset uint64

	Messages, Deliveries, Recovered, Replayed uint64

	GapsBy map[string]uint64

	WindowMessages, WindowBytes int
	WindowOldest                time.Duration

	PushesWaiting                  int
	PushesDropped, PushesWithdrawn uint64
}

// Counts returns a snapshot.
func (h *Hub) Counts() Counts {
	h.mu.Lock()
	defer h.mu.Unlock()

	c := Counts{
		Pages: len(h.roster.all), Users: h.presence.onlineCount(), Guests: h.roster.guests, Watches: len(h.watches.all),
		PageWatches: h.pageWatches, Nodes: h.presence.liveCount(), Transports: maps.Clone(h.roster.transports),
		Epoch: h.epoch, Offset: h.history.Last(),
		Messages: h.stats.messages.Load(), Deliveries: h.stats.deliveries.Load(),
		Recovered: h.stats.recovered.Load(), Replayed: h.stats.replayed.Load(), GapsBy: h.stats.gaps.Map(),
		WindowMessages: h.history.Len(), WindowBytes: h.history.Size(),
	}
	if oldest := h.history.Oldest(); oldest > 0 {
		c.WindowOldest = max(0, time.Since(time.Unix(0, oldest)))
	}
	if h.pending != nil {
		c.PushesWaiting, c.PushesDropped, c.PushesWithdrawn = h.pending.Len(), h.pending.Dropped, h.pending.Withdrawn
	}
	return c
}

// FirstEpoch returns the first epoch of the log that this node has read, or "".
func (h *Hub) FirstEpoch() string {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.first
}

// LogLag returns how long batches of this node took from their hand-over until it had
// applied them.
func (h *Hub) LogLag() *tally.Durations { return &h.stats.logLag }

// FirstWrite returns how long batches of this node took from their hand-over until the
// first page had their last message.
func (h *Hub) FirstWrite() *tally.Durations { return &h.stats.firstWrite }

// counters are what the hub has counted and measured since it was created.
type counters struct {
	messages, deliveries, recovered, replayed atomic.Uint64

	gaps tally.Counts // sessions that were notified of a gap, by cause

	logLag, firstWrite tally.Durations
}

// newTransports returns the number of pages by transport, which is 0.
func newTransports() map[string]int {
	return map[string]int{conn.WebSocket: 0, conn.Events: 0, conn.HTML: 0}
}
