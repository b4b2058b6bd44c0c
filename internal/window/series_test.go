package window

import (
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// A series ends with its last message in the window, and takes no memory after that.
func TestSeriesLeavesTheWindowWithItsMessages(t *testing.T) {
	const second = int64(time.Second)
	w := New(10*time.Second, 1000, 1<<20, envelope.Keys)
	for i := range int64(20) {
		w.add(event.User("1"), i*second, 10)
		if i%2 == 0 {
			w.JoinSeries(Series{byte(i % 4)})
		}
	}

	w.Evict(19*second, 0)

	for offset := w.First(); offset <= w.Last(); offset++ {
		want := uint64(0)
		if offset%2 == 1 && offset+4 <= w.Last() {
			want = offset + 4
		}
		if got := w.NextInSeries(offset); got != want {
			t.Errorf("after %d comes %d, want %d", offset, got, want)
		}
	}
	if w.Evict(100*second, 0); w.Size() != 0 || w.series.last != nil || w.series.members.Len() != 0 {
		t.Errorf("an empty window takes %d bytes, and has %d series", w.Size(), len(w.series.last))
	}
	w.add(event.User("1"), 101*second, 10)
	w.JoinSeries(Series{0})
	if got := w.NextInSeries(w.Last()); got != 0 || w.series.last[Series{0}] != w.Last() {
		t.Errorf("after the only message comes %d", got)
	}
}
