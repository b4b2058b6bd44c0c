package hub

import (
	"cmp"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/window"
)

// apply applies a batch of the log. It returns what is left to do once the lock
// is released, and how many messages of the batch that covers: all of them, those
// before the message at which the log is broken, or those that a round has room for.
func (h *Hub) apply(batch []broker.Delivery) (r *round, count int, broken bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	now := time.Now()
	h.round.at = now.Sub(processStart)
	for i, d := range batch {
		switch {
		case h.log == "":
			h.startLog(d.Epoch, d.Epoch, d.Offset)
		case d.Epoch == h.log && d.Offset < h.history.Next() && !h.isReplaced(&d):
			continue // applied before the subscription was renewed
		case d.Epoch != h.log || d.Offset != h.history.Next():
			h.finishBatch()
			return h.round, i, true
		}
		h.applyMessage(d, now)
		if h.round.own > variantBytes {
			h.finishBatch()
			return h.round, i + 1, false
		}
	}
	h.finishBatch()
	return h.round, len(batch), false
}

// startLog begins with a log whose next message is at the offset. log is the
// broker's epoch, epoch the one that pages know.
func (h *Hub) startLog(log, epoch string, offset uint64) {
	if h.epoch != epoch {
		h.waiting.positions.wake(^uint64(0)) // the log will never reach their positions
	}
	if h.log == log {
		h.uses.lose(max(offset, h.history.Next()))
	} else {
		h.uses.reset(offset)
		h.roster.forgetOffsets()
	}
	h.log, h.epoch, h.first = log, epoch, cmp.Or(h.first, epoch)
	h.history.Reset(offset)
	h.names.reset(offset)
	h.settled = offset - 1
	h.publishPosition()
}

// publishPosition makes the position of the last message readable without the
// lock, and wakes the goroutines that wait for it.
func (h *Hub) publishPosition() {
	h.offset.Store(h.history.Last())
	h.releaseLog()
	if p := h.position.Load(); p == nil || *p != h.epoch {
		epoch := h.epoch
		h.position.Store(&epoch)
	}
	h.wakeWaiting()
}

// finishBatch decides for every page with bundles whether it gets them from the
// dispatcher or reads the window itself.
func (h *Hub) finishBatch() {
	r := h.round
	for _, p := range r.gapped {
		p.due = nil // it is a part of the gap
	}
	delivered := r.touched[:0]
	for _, p := range r.touched {
		if len(p.due) == 0 {
			continue
		}
		if !p.early {
			p.last = max(p.last, h.settled)
		}
		if h.isBurst(p) {
			p.course.set(lagged)
			p.behind, p.due = true, nil // it reads the window from its position
			r.lagging = append(r.lagging, p)
			continue
		}
		p.last = max(p.last, p.due[len(p.due)-1].frame.Last)
		delivered = append(delivered, p)
	}
	clear(r.touched[len(delivered):])
	r.touched = delivered
	if h.pending != nil {
		h.finishNotes()
	}
	h.publishPosition()
}

// isBurst reports whether one batch has more for an idle page than half of its
// queue, apart from messages of pages, of which dueNow leaves out what is too much.
// Such a page is not slow; it only gets much at once.
func (h *Hub) isBurst(p *Page) bool {
	size := 0
	for _, b := range p.due {
		if !b.relay {
			size += b.size(p.Form())
		}
	}
	return size > h.Conns.QueueBytes/2 && h.history.Covers(p.last) && p.IsIdle()
}

// applyMessage applies the next message of the log.
func (h *Hub) applyMessage(d broker.Delivery, received time.Time) {
	h.names.add(d.Raw)
	if d.Raw == nil { // the embedded log has dropped a control message
		h.history.Skip(0)
		h.uses.lose(h.history.Next()) // it may have been the use of a ticket
		return
	}
	e, err := envelope.Parse(d.Raw)
	if err != nil {
		if h.foreign.Allow("") { // there may be as many as the application's own
			h.round.errs = append(h.round.errs, fmt.Errorf("%w: at %s, and perhaps others within a minute", err, envelope.Cursor{Epoch: d.Epoch, Offset: d.Offset}))
		}
		h.history.Skip(0)
		return
	}
	e.At = max(0, min(e.At, received.UnixNano())) // the clocks of other nodes may be wrong
	h.applyEnvelope(&e, d.Raw, received)
}

// applyEnvelope is applyMessage for one that is valid.
func (h *Hub) applyEnvelope(e *envelope.Envelope, raw []byte, received time.Time) {
	now := received.UnixNano()
	h.round.handed = false
	sent := received
	if h.applied.Load() == 0 {
		sent = sent.Add(newNodeTimeout - NodeTimeout) // the message may be older than this node: its age is unknown
	}
	from, fresh := h.receive(e, raw, sent)
	if from != nil && from.self {
		h.returned = received
	}
	if e.Kind.IsMomentary() && fresh {
		h.history.Skip(e.At)
		h.relay(e, raw, now)
		return
	}
	fresh = fresh && (e.Key == nil || h.publish(e))
	if !e.Kind.IsEvent() || !fresh {
		h.history.Skip(e.At)
		if fresh {
			h.applyControl(e, from)
		}
		return
	}
	h.stats.messages.Add(1)
	h.remember(e, raw, now)
	if e.Kind != envelope.KindEvent {
		notification := *e // which is kept: most events are not, and cost no memory
		h.applyNotification(&notification, time.Unix(0, now))
	}
}

// remember adds an event to the window and routes it, unless pages do not receive it.
func (h *Hub) remember(e *envelope.Envelope, raw []byte, now int64) {
	if e.Kind == envelope.KindPushOnly {
		h.history.Skip(e.At)
		return
	}
	h.history.Append(window.NewMessage(raw, len(e.Addr)+len(e.PerUser), len(e.Body)), e.At, now)
	if e.Trace != nil && h.config.Deliver != nil && h.applied.Load() > 0 { // else it was delivered before this node started
		h.round.trace(e.Trace)
	}
	if e.Series != nil {
		h.history.JoinSeries(window.Series(e.Series))
	}
	h.route(e.Secret)
}

// receive records who has sent a message, and reports whether the message is new.
// An event without a name comes from no node, and the log has it once. It is new
// unless the log broke and delivers again what it had before.
func (h *Hub) receive(e *envelope.Envelope, raw []byte, received time.Time) (from *peer, fresh bool) {
	if e.IsUnnamed() {
		return nil, e.Kind.IsEvent() && h.names.isNew(raw)
	}
	from, fresh = h.presence.receive(e.Node, e.Seq, e.At, received)
	if from.self {
		h.applied.Store(e.Seq)
		h.measureLag(e.Seq)
	}
	return from, fresh
}

// AppliedFrom returns the sequence number of the last message of a node, or of an
// outbox, that was applied.
func (h *Hub) AppliedFrom(node string) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()

	if p := h.presence.peers[node]; p != nil {
		return p.seq
	}
	return 0
}
