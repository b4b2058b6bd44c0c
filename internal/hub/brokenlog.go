package hub

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
)

// isReplaced reports whether a message is at an offset that another message had
// before, because the log went back within its epoch. The name of the message
// shows that, or for an offset that is too old, its sequence number.
func (h *Hub) isReplaced(d *broker.Delivery) bool {
	if same, known := h.names.has(d.Offset, d.Raw); known {
		return !same
	}
	e, err := envelope.Parse(d.Raw)
	if err != nil || e.IsUnnamed() {
		return false
	}
	p := h.presence.peers[string(e.Node)]
	return p == nil || e.Seq > p.seq
}

// restartLog continues with the message d after the log broke: d is in a new
// epoch, after a hole, or at an offset that another message had. Every page is
// notified of a gap. restartLog returns the error to report.
func (h *Hub) restartLog(d broker.Delivery) error {
	h.mu.Lock()
	defer h.mu.Unlock()

	broke := fmt.Errorf("pull: log broke after %s, continues at %s: pages are notified of a gap",
		envelope.Cursor{Epoch: h.epoch, Offset: h.history.Last()}, envelope.Cursor{Epoch: d.Epoch, Offset: d.Offset})
	epoch := h.epoch
	if d.Epoch != h.log || d.Offset < h.history.Next() {
		h.watches.rebase(d.Offset - 1)
		h.rebasedAt = time.Now()
		epoch = h.epochAfter(d)
	}
	h.names.breakLog()
	h.startLog(d.Epoch, epoch, d.Offset)
	h.forgetPageWatches()
	h.requestUsers(time.Now())
	clear(h.pendingEnds)
	for _, p := range h.roster.all {
		p.watches.rebase()
		h.sendGap(p, startBroken)
	}
	h.stats.gaps.Add(startBroken.cause(), uint64(len(h.roster.all)))
	return broke
}

// epochAfter returns the epoch for pages of the log that begins with a message.
// If the broker has not changed its epoch, the name is derived from the
// message, so that it is the same on every node and differs from the old one:
// old cursors are invalid.
func (h *Hub) epochAfter(d broker.Delivery) string {
	if d.Epoch != h.log {
		return d.Epoch
	}
	sum := fnv.New64a()
	_, _ = sum.Write(d.Raw[:min(len(d.Raw), envelope.HeaderBytes)])
	return d.Epoch + "~" + strconv.FormatUint(sum.Sum64(), 36)
}
