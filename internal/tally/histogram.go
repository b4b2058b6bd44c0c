package tally

import (
	"sync/atomic"
	"time"
)

// A Histogram is a snapshot of how long something took, each time it was done.
type Histogram struct {
	// Bounds are the upper bounds of the buckets in seconds, ascending. They are
	// the same for every histogram, and inclusive.
	Bounds []float64

	// Counts has the number of durations in each bucket, and one more for those
	// above the last bound. It is not cumulative.
	Counts []uint64

	// Sum is the total of all durations in seconds.
	Sum float64
}

// Count returns the number of durations in the histogram.
func (h *Histogram) Count() uint64 {
	var n uint64
	for _, bucket := range h.Counts {
		n += bucket
	}
	return n
}

// bounds are the bounds of all histograms.
var bounds = [...]time.Duration{ //nolint:gochecknoglobals // a constant
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond,
	5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
	5 * time.Second, 10 * time.Second,
}

// Durations collects durations. The zero value is empty, and it is safe for
// concurrent use. A snapshot that is taken meanwhile may have a duration in only
// one of the counts and the sum.
type Durations struct {
	counts [len(bounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

// Add adds a duration. A negative one counts as 0.
func (d *Durations) Add(took time.Duration) {
	bucket := 0
	for bucket < len(bounds) && took > bounds[bucket] {
		bucket++
	}
	d.counts[bucket].Add(1)
	d.sum.Add(int64(max(0, took)))
}

// Above returns how many durations were longer than a bound of the buckets.
func (d *Durations) Above(bound time.Duration) uint64 {
	var n uint64
	for i := range d.counts {
		if i > 0 && bounds[i-1] >= bound {
			n += d.counts[i].Load()
		}
	}
	return n
}

// Histogram returns a snapshot, which belongs to the caller.
func (d *Durations) Histogram() Histogram {
	h := Histogram{Bounds: make([]float64, len(bounds)), Counts: make([]uint64, len(d.counts)), Sum: time.Duration(d.sum.Load()).Seconds()}
	for i, bound := range bounds {
		h.Bounds[i] = bound.Seconds()
	}
	for i := range d.counts {
		h.Counts[i] = d.counts[i].Load()
	}
	return h
}
