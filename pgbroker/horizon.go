package pgbroker

import (
	"sync"
	"time"
)

const (
	// recentIDs is how far behind the last message of the outbox every read
	// begins: transactions commit in another order than they insert.
	recentIDs = 10_000

	// wholeEvery is how often a read begins with the first message, at most. A
	// message of a transaction that was open for long waits until then.
	wholeEvery = 500 * time.Millisecond
)

// A horizon is where a read of the outbox begins. As long as somebody has an old
// snapshot open, as pg_dump does, the server keeps the rows that were moved, and a
// read from the beginning visits all of them. So the longer such a read takes, the
// rarer it is.
type horizon struct {
	mu   sync.Mutex // guards what follows
	last int64      // the largest id that was found
	next time.Time  // when to read from the beginning again
}

// begin returns the id after which a read at a time begins.
func (h *horizon) begin(now time.Time) (after int64) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if now.Before(h.next) {
		return max(0, h.last-recentIDs)
	}
	return 0
}

// end records a read that has begun after an id, how long it took, and the largest
// id that it has found, or 0.
func (h *horizon) end(after int64, took time.Duration, last int64) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.last = max(h.last, last)
	if after == 0 {
		h.next = time.Now().Add(max(wholeEvery, 10*took))
	}
}
