package hub

import (
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

func TestOnlyTheLastMessageOfABatchIsMeasured(t *testing.T) {
	var o handovers
	o.add(3, 30)
	o.add(5, 50)
	o.add(9, 90)
	for _, test := range []struct {
		seq   uint64
		at    time.Duration
		found bool
	}{
		{1, 0, false},
		{2, 0, false},
		{3, 30, true},
		{3, 0, false},  // again
		{8, 50, false}, // the end of the second batch was lost
		{5, 0, false},
		{9, 90, true},
		{20, 0, false}, // nothing is left
	} {
		at, found := o.take(test.seq)
		if found != test.found || found && at != test.at {
			t.Errorf("message %d: got %d %t, want %d %t", test.seq, at, found, test.at, test.found)
		}
	}
}

// While the log is away, what is measured takes no more memory.
func TestHandoversBeyondTheBoundAreNotMeasured(t *testing.T) {
	var o handovers
	for seq := range uint64(2 * handoverCount) {
		o.add(seq+1, time.Duration(seq))
	}
	measured := 0
	for seq := range uint64(2 * handoverCount) {
		if _, found := o.take(seq + 1); found {
			measured++
		}
	}
	if measured != handoverCount {
		t.Errorf("measured %d, want %d", measured, handoverCount)
	}
	o.add(5000, 7)
	if at, found := o.take(5000); !found || at != 7 {
		t.Errorf("got %d %t, want the next one measured again", at, found)
	}
}

func TestHandoversNeedNoLock(t *testing.T) {
	const batches = 20_000
	var o handovers
	var both sync.WaitGroup
	handed := make(chan uint64, 64)
	both.Go(func() {
		defer close(handed)
		for seq := range uint64(batches) {
			o.add(seq, time.Duration(seq))
			handed <- seq
		}
	})
	both.Go(func() {
		for seq := range handed {
			if at, found := o.take(seq); !found || at != time.Duration(seq) {
				t.Errorf("batch %d: got %d %t", seq, at, found)
				return
			}
		}
	})
	both.Wait()
}

// Messages of several batches may share a frame, and one is for nobody here.
func TestFirstWriteIsThatOfTheFirstPage(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w := new(writer)
	for _, user := range []string{"1", "1", "2"} {
		if err := h.Join(newPage(h, user, new(recorder)), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	batch := []broker.Delivery{w.message(event.Shared(), "a"), w.message(event.Shared(), "b"), w.message(event.User("3"), "nobody")}
	for i := range batch {
		envelope.Stamp(batch[i].Raw, h.ID, uint64(i+1))
		h.HandedOver(uint64(i + 1))
	}

	d.Dispatch(batch)

	first, lag := h.FirstWrite().Histogram(), h.LogLag().Histogram()
	if first.Count() != 2 || lag.Count() != 3 {
		t.Errorf("got %d first writes and %d lags of three batches, one of which is for nobody; want 2 and 3", first.Count(), lag.Count())
	}
}
