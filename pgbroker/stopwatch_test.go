package pgbroker_test

import (
	"sync/atomic"
	"testing"
	"time"
)

// patience is how soon a dead server must be noticed.
const patience = 5 * time.Second

// A stopwatch measures how late the machine is meanwhile, because other programs
// keep it busy: that is no delay of the broker.
type stopwatch struct {
	start time.Time
	late  atomic.Int64 // nanoseconds
}

func newStopwatch(t *testing.T) *stopwatch {
	t.Helper()
	w := &stopwatch{start: time.Now()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		const tick, usual = 10 * time.Millisecond, 5 * time.Millisecond
		for t.Context().Err() == nil {
			before := time.Now()
			<-time.After(tick)
			w.late.Add(int64(max(0, time.Since(before)-tick-usual)))
		}
	}()
	t.Cleanup(func() { <-ended })
	return w
}

// limit is the patience, and for how long the machine did nothing.
func (w *stopwatch) limit() time.Duration { return patience + time.Duration(w.late.Load()) }
