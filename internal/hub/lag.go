package hub

import (
	"sync/atomic"
	"time"
)

// A handover is when this node has handed messages over to its publisher.
type handover struct {
	last uint64        // sequence number of the last of the messages
	at   time.Duration // as clock returns it
}

// handoverCount is how many batches on their way to the log and back are measured. What
// is handed over beyond that is not.
const handoverCount = 1024

// handovers are those of the batches that are on their way. It needs no lock: one
// goroutine at a time calls add, and one calls take.
type handovers struct {
	ring  [handoverCount]handover
	added atomic.Uint64
	taken atomic.Uint64
}

// add adds the batch that ends with a sequence number, unless there is no room.
func (o *handovers) add(last uint64, at time.Duration) {
	n := o.added.Load()
	if n-o.taken.Load() == handoverCount {
		return
	}
	o.ring[n%handoverCount] = handover{last, at}
	o.added.Store(n + 1)
}

// take removes the batches up to a sequence number. If one of them ends with it, take
// returns when that was handed over.
func (o *handovers) take(seq uint64) (at time.Duration, found bool) {
	n, added := o.taken.Load(), o.added.Load()
	for ; n < added && o.ring[n%handoverCount].last <= seq; n++ {
		first := o.ring[n%handoverCount]
		at, found = first.at, first.last == seq
	}
	o.taken.Store(n)
	return at, found
}

// clock returns the time for measurements. Adjustments of the wall clock do not affect it.
func clock() time.Duration { return time.Since(processStart) }

var processStart = time.Now() //nolint:gochecknoglobals // clock is relative to it

// HandedOver notes that the messages of this node up to a sequence number are handed
// over to the publisher now. Calls must not overlap.
func (h *Hub) HandedOver(seq uint64) { h.handovers.add(seq, clock()) }

// measureLag measures how long the message of this node that is being applied took to
// come back, if it is the last one of a batch. The caller holds mu.
func (h *Hub) measureLag(seq uint64) {
	if at, found := h.handovers.take(seq); found {
		h.stats.logLag.Add(h.round.at - at)
		h.round.handedAt, h.round.handed = at, true
	}
}

// A timed is a bundle with the last message of a batch of this node, and when that was
// handed over.
type timed struct {
	bundle *bundle
	at     time.Duration
}

// time makes the bundle's first write be measured, if the message that was added last is
// the last one of a batch of this node. The caller holds mu.
func (r *round) time(b *bundle) {
	if r.handed {
		b.timed = true
		r.timed = append(r.timed, timed{b, r.handedAt})
	}
}

// written notes when the first page was given the bundle, which for a variant is that of
// its base.
func (b *bundle) written() {
	if b.base != nil {
		b = b.base
	}
	if b.timed && b.first.Load() == 0 {
		b.first.CompareAndSwap(0, int64(clock()))
	}
}

// measureFirstWrites measures the first writes of a round that was delivered.
func (h *Hub) measureFirstWrites(r *round) {
	for _, t := range r.timed {
		if first := t.bundle.first.Load(); first != 0 { // else no page of this node got it
			h.stats.firstWrite.Add(time.Duration(first) - t.at)
		}
	}
}
