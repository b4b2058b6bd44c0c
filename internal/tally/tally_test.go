package tally_test

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/tally"
)

func TestCountsHaveAllNames(t *testing.T) {
	c := tally.New("a", "b")
	c.Add("a", 3)

	if got, want := c.Map(), map[string]uint64{"a": 3, "b": 0}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDurationIsInTheBucketOfItsUpperBound(t *testing.T) {
	var d tally.Durations
	empty := d.Histogram()
	if len(empty.Counts) != len(empty.Bounds)+1 || !slices.IsSorted(empty.Bounds) {
		t.Fatalf("got bounds %v and %d counts", empty.Bounds, len(empty.Counts))
	}
	for i, bound := range empty.Bounds {
		exactly := time.Duration(bound * float64(time.Second))
		d.Add(exactly)
		if got := d.Histogram().Counts[i]; got != 1 {
			t.Errorf("%s: got %d in bucket %d, want 1", exactly, got, i)
		}
		d.Add(exactly + 1)
		if got := d.Histogram().Counts[i+1]; got != 1 {
			t.Errorf("%s and a nanosecond: got %d in bucket %d, want 1", exactly, got, i+1)
		}
		d = tally.Durations{}
	}
}

func TestHistogramSums(t *testing.T) {
	var d tally.Durations
	for _, took := range []time.Duration{-time.Second, 0, 250 * time.Millisecond, 2 * time.Second, time.Hour} {
		d.Add(took)
	}

	h := d.Histogram()

	if h.Sum != 3602.25 || h.Count() != 5 || h.Counts[0] != 2 || h.Counts[len(h.Counts)-1] != 1 {
		t.Errorf("got %+v, want five durations of 3602.25 s, two in the first bucket and one above the last", h)
	}
	if got := d.Above(time.Second); got != 2 {
		t.Errorf("got %d above a second, want 2", got)
	}
}

func TestManyCountAtOnce(t *testing.T) {
	c := tally.New("a", "b")
	var d tally.Durations
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				c.Add("b", 1)
				d.Add(time.Millisecond)
				_, _ = c.Map(), d.Histogram()
			}
		})
	}
	all.Wait()

	if h := d.Histogram(); c.Map()["b"] != 8000 || h.Count() != 8000 || h.Sum != 8 {
		t.Errorf("got %v and %d durations of %g s, want 8000 each of 8 s", c.Map(), h.Count(), h.Sum)
	}
}

func BenchmarkAdd(b *testing.B) {
	var d tally.Durations
	b.ReportAllocs()
	for b.Loop() {
		d.Add(3 * time.Millisecond)
	}
}
