package soak

import (
	"fmt"
	"math"
	"time"
)

// spare is how many goroutines a server may have more than before the pages came:
// those of connections to the database and of requests.
const spare = 20

// verdicts judges a run whose servers have stopped.
func (r *run) verdicts(stopped error) []Verdict {
	_, _, broken := r.tally.sum()
	gaps := r.tally.gaps.Load()
	all := []Verdict{
		{"no page has missed, repeated or confused events", said(broken), broken == nil},
		{"no page was notified of a gap, unless it was away for too long", fmt.Sprintf("%d gaps, and %d of pages that were", gaps, r.tally.late.Load()), gaps == 0},
		{"every page has received everything in the end", "missing: " + orNothing(r.settled), r.settled == ""},
		{
			"the faults took place", fmt.Sprintf("%d kills, %d crowds, %d bursts, %d pages recovered, %d cut as too slow by the first server",
				len(r.kills), len(r.crowds), len(r.bursts), r.tally.recovered.Load(), r.peak.Stats.Cut),
			len(r.kills) > 0 && len(r.crowds) > 0 && len(r.bursts) > 0 && r.peak.Stats.Cut > 0,
		},
	}
	all = append(all, r.flatness()...)
	left := r.after
	return append(all,
		Verdict{
			"nothing is left when all pages have gone", fmt.Sprintf("%d sessions, %d users, %d goroutines; %d goroutines before they came",
				left.Stats.Sessions, left.Stats.Users, left.Goroutines, r.before.Goroutines),
			left.Stats.Sessions == 0 && left.Stats.Users == 0 && left.Goroutines <= r.before.Goroutines+spare,
		},
		Verdict{"both servers have stopped as they should", said(stopped), stopped == nil})
}

// flatness judges the lines of the first server, which was not killed.
func (r *run) flatness() []Verdict {
	half := func(value func(Sample) float64) []point {
		return points(r.sampler.samples, r.faults+r.plan.For/2, math.MaxInt64, func(s Sample) (float64, bool) { return value(s), true })
	}
	const group = 5
	lag := half(func(s Sample) float64 { return milliseconds(s.P50) })
	return []Verdict{
		flat("the heap without the window", "MB", floor(half(heapBesides), group), limit{0.10, 5}),
		flat("resident memory", "MB", half(func(s Sample) float64 { return float64(s.First.RSS) / MB }), limit{0.10, 16}),
		flat("the number of goroutines", "goroutines", half(func(s Sample) float64 { return float64(s.First.Goroutines) }), limit{0.05, spare}),
		flat("the median lag", "ms", lag, limit{0.5, 100}),
		low("the median lag", "ms", lag, 250),
		flat("the 99th percentile of the lag", "ms", half(func(s Sample) float64 { return milliseconds(s.P99) }), limit{1, 1000}),
	}
}

// heapBesides returns the heap without the window, which a burst makes larger and which
// has a bound of its own.
func heapBesides(s Sample) float64 {
	return float64(s.First.Memory.HeapAlloc-int64(s.First.Stats.WindowBytes)) / MB
}

// summary describes the run for people.
func (r *run) summary() []string {
	lost, ends, _ := r.tally.sum()
	lines := []string{
		fmt.Sprintf("%d pages at two servers, %v; %d events received, %d repeated ones dropped", r.plan.Pages, r.plan.For,
			r.tally.events.Load(), r.tally.repeated.Load()),
		fmt.Sprintf("%d connections, %d recovered; ended or refused: %s", r.tally.hellos.Load(), r.tally.recovered.Load(), ends),
		fmt.Sprintf("first server: %d deliveries, window %d events in %.1f MB, cut %d %s, gaps %d %s, refused %s", r.peak.Stats.Deliveries,
			r.peak.Stats.WindowMessages, float64(r.peak.Stats.WindowBytes)/MB, r.peak.Stats.Cut, causes(r.peak.Stats.CutBy),
			r.peak.Stats.Gaps, causes(r.peak.Stats.GapsBy), causes(r.peak.Stats.Refused)),
	}
	for _, where := range lost {
		lines = append(lines, "gap: "+where)
	}
	return lines
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func said(err error) string {
	if err == nil {
		return "none was seen"
	}
	return err.Error()
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}
