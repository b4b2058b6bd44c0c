package hub

import (
	"math"
	"testing"
	"time"
)

// The clock may have been ahead when the watch was saved.
func TestRestoredWatchLivesNoLongerThanAnyOther(t *testing.T) {
	h, _ := newHub(func(c *Config) { c.WatchTTL = time.Hour })
	h.Restore(WatchState{Watches: []WatchImage{{User: "1", Tag: "T", Expires: math.MaxInt64}}}, time.Now())

	now := time.Now().UnixNano()

	if !h.watches.has("1", "T", now) || h.watches.has("1", "T", now+int64(time.Hour)) {
		t.Error("want a watch that lives for an hour")
	}
	h.watches.dropOld(now+int64(3*time.Hour), 10)
	if len(h.watches.all) > 0 {
		t.Error("the watch is still there")
	}
}

// A page that would need dropped watches is notified of a gap, by the next
// process as well.
func TestLossOfWatchesOutlivesAPlannedRestart(t *testing.T) {
	h, _ := newHub(func(*Config) {})
	for i := range 2 * pastOfTag {
		offset := uint64(2*i + 1)
		h.watches.grant("1", "T", offset, time.Now().UnixNano())
		h.watches.end("1", []string{"T"}, offset+1, time.Now().UnixNano())
	}
	next, _ := newHub(func(*Config) {})

	next.Restore(h.WatchState(), time.Now())

	if !next.watches.hasLost("1", 5) || next.watches.hasLost("1", 99) || next.watches.hasLost("2", 5) {
		t.Errorf("lost up to %d, want what the process before had lost", next.watches.ended.lostUpTo("1"))
	}
}
