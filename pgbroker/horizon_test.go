package pgbroker

import (
	"testing"
	"testing/synctest"
	"time"
)

// The longer a read of the whole outbox takes, the rarer it is. Reads in between
// begin a little before the last message.
func TestSlowReadsOfTheWholeOutboxAreRare(t *testing.T) {
	for took, pause := range map[time.Duration]time.Duration{
		0:                      wholeEvery,
		time.Millisecond:       wholeEvery,
		200 * time.Millisecond: 2 * time.Second,
		3 * time.Second:        30 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			var h horizon
			if after := h.begin(time.Now()); after != 0 {
				t.Errorf("at first: got %d, want 0", after)
			}
			h.end(0, took, 50_000)
			h.end(40_000, took, 60_000)
			h.end(50_000, took, 0)

			if after := h.begin(time.Now().Add(pause - 1)); after != 60_000-recentIDs {
				t.Errorf("%v after a read of %v: got %d, want %d", pause-1, took, after, 60_000-recentIDs)
			}
			if after := h.begin(time.Now().Add(pause)); after != 0 {
				t.Errorf("%v after a read of %v: got %d, want 0", pause, took, after)
			}
		})
	}
}
