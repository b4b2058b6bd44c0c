package hub

import (
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/pending"
)

// marksPerMessage bounds the marks in one message of the log.
const marksPerMessage = 500

// DuePushes returns up to most notifications that this node has to send now, and
// when the next one is due. For each of them the caller calls FinishPush. A node
// that has not read the log to its end yet, or is cut off from it, sends nothing:
// another node may have done it.
func (h *Hub) DuePushes(now time.Time, most int) (due []*pending.Entry, next time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if self := h.presence.peers[h.ID]; self == nil || now.Sub(self.received) > cutOffTimeout {
		if _, waits := h.pending.Next(); waits {
			next = now.Add(time.Second)
		}
		return nil, next
	}
	due = h.pending.Due(now, most, func(user string) bool { return h.isLooking(user, now) }, h.deadAfter())
	next, _ = h.pending.Next()
	return due, next
}

// FinishPush records that a notification was sent, or need not be. If retry is
// positive, it is due again after that time.
func (h *Hub) FinishPush(e *pending.Entry, retry time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.pending.Finish(e, retry, time.Now())
}

// PushTries returns how often a notification was tried before.
func (h *Hub) PushTries(e *pending.Entry) int {
	h.mu.Lock()
	defer h.mu.Unlock()

	return e.Tries()
}

// SearchedNote returns a note to everyone whose recipients this node has to find,
// and which is not among those that are being searched; or nil.
func (h *Hub) SearchedNote(searched map[*pending.Note]bool) *pending.Note {
	h.mu.Lock()
	defer h.mu.Unlock()

	if self := h.presence.peers[h.ID]; self == nil {
		return nil
	}
	return h.pending.Search(func(n *pending.Note) bool { return searched[n] })
}

// AddRecipients adds users with devices to a note to everyone. It returns how many
// of its recipients wait, and false if no more are needed.
func (h *Hub) AddRecipients(n *pending.Note, users []string) (waiting int, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	now := time.Now()
	for _, user := range users {
		if n.Wants(user) && h.isAddressed(n.Addr, user, now) {
			h.addRecipient(n, user, now)
		}
	}
	h.publishLookers()
	return n.Waiting(), !n.IsOver(now)
}

// WaitingRecipients returns how many recipients of a note wait.
func (h *Hub) WaitingRecipients(n *pending.Note) int {
	h.mu.Lock()
	defer h.mu.Unlock()

	return n.Waiting()
}

// EndSearch records that all recipients of a note to everyone were added.
func (h *Hub) EndSearch(n *pending.Note) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.pending.EndSearch(n)
}

// HasMarks reports whether the other nodes do not know everything that need not be
// sent any more.
func (h *Hub) HasMarks() bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.pending.HasMarks()
}

// PublishMarks lets the other nodes know what need not be sent any more. It reports
// whether there is more.
func (h *Hub) PublishMarks(now time.Time) (more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	marks, more := h.pending.TakeMarks(marksPerMessage)
	if len(marks) > 0 {
		h.config.Publish(envelope.Control(envelope.KindNotified, now, marks...))
	}
	return more
}

// HurryPushes makes the notifications of this node due that wait for the first time,
// if no other node is there to send them.
func (h *Hub) HurryPushes(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if !h.isAlone() {
		return
	}
	h.pending.Hurry(now)
}

// isAlone reports whether no other node is there. The caller holds mu.
func (h *Hub) isAlone() bool { return h.presence.liveCount() == 1 }

// PushesLeft returns how many notifications wait to be sent, and no other node is
// there to send. It does not count those of users who look at a page.
func (h *Hub) PushesLeft() int {
	h.mu.Lock()
	defer h.mu.Unlock()

	if !h.isAlone() {
		return 0
	}
	return h.pending.Left()
}

// IsPushing reports whether this node has notifications to send.
func (h *Hub) IsPushing(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.pending.IsBusy(now)
}

// applyNews applies what other nodes, or this one, have done with notifications.
func (h *Hub) applyNews(e *envelope.Envelope, now time.Time) {
	switch {
	case h.pending == nil:
	case e.Kind == envelope.KindNotified:
		h.pending.Notified(e.List)
	case e.Kind == envelope.KindClaim:
		h.pending.Claim(e.List, string(e.Node))
		h.config.PushDue()
	case e.Kind == envelope.KindMissed:
		for _, user := range e.List {
			if h.isLooking(user, now) {
				h.lookers[user] = struct{}{}
			}
		}
	case len(e.List) > 0:
		isBefore := notAfter(envelope.ParseCursor(e.List[0]))
		for _, user := range e.List[1:] {
			h.pending.Looked(user, isBefore)
		}
	}
}

// notAfter returns a function that reports whether a note is in the log up to a
// position, or in an earlier log.
func notAfter(c envelope.Cursor) func(*pending.Note) bool {
	return func(n *pending.Note) bool {
		at := envelope.ParseCursor(n.ID)
		return at.Epoch != c.Epoch || at.Offset <= c.Offset
	}
}

// claimNotes makes one of the nodes send what the nodes that are gone have not
// sent: the claim is valid when it comes back from the log. The caller holds mu.
func (h *Hub) claimNotes() {
	if gone := h.orphanedNodes(); len(gone) > 0 && h.presence.hasLowestID() {
		h.config.Publish(envelope.Control(envelope.KindClaim, time.Now(), gone...))
	}
}

// claimWait is how long the node with the lowest id has to claim what no node sends.
// It may have no pusher, or be dead.
const claimWait = 15 * time.Second

// claimLongOrphans claims what the node with the lowest id has not claimed. The
// caller holds mu.
func (h *Hub) claimLongOrphans(now time.Time) {
	gone := h.orphanedNodes()
	switch {
	case len(gone) == 0:
		h.orphanedAt = time.Time{}
	case h.orphanedAt.IsZero():
		h.orphanedAt = now
	case now.Sub(h.orphanedAt) >= claimWait && !h.presence.hasLowestID():
		h.config.Publish(envelope.Control(envelope.KindClaim, time.Now(), gone...))
	}
}

// orphanedNodes returns the nodes that are gone and have left notifications, if this
// node can send them. The caller holds mu.
func (h *Hub) orphanedNodes() []string {
	if h.pending == nil || h.applied.Load() == 0 || h.presence.peers[h.ID].stopping {
		return nil
	}
	return h.pending.Orphans(func(node string) bool {
		p := h.presence.peers[node]
		return p == nil || p.expired || p.stopping
	})
}
