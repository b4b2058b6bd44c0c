package soak

import (
	"fmt"
	"slices"
)

// A Verdict is one claim about a run.
type Verdict struct {
	Claim string
	Seen  string // what was measured
	OK    bool
}

// String returns a line of a report.
func (v Verdict) String() string {
	return fmt.Sprintf("%-6s %s: %s", map[bool]string{true: "ok", false: "FAILED"}[v.OK], v.Claim, v.Seen)
}

// A limit is how much a line may rise in the second half of a run: the greater of
// two amounts.
type limit struct {
	share  float64 // of the line's median
	amount float64
}

// flat compares a line's rise with a limit.
func flat(name, unit string, points []point, l limit) Verdict {
	if len(points) < 6 {
		return Verdict{name + " is flat", fmt.Sprintf("only %d samples", len(points)), false}
	}
	middle := middle(points)
	rise := slope(points) * (points[len(points)-1].x - points[0].x)
	allowed := max(l.share*middle, l.amount)
	return Verdict{
		Claim: name + " is flat",
		Seen:  fmt.Sprintf("rises by %.4g %s in the second half, around %.4g; %.4g are allowed", rise, unit, middle, allowed),
		OK:    rise <= allowed,
	}
}

// low compares the middle of a line with the most that is allowed.
func low(name, unit string, points []point, most float64) Verdict {
	if len(points) == 0 {
		return Verdict{name + " is low", "no samples", false}
	}
	middle := middle(points)
	return Verdict{name + " is low", fmt.Sprintf("around %.4g %s in the second half; %.4g are allowed", middle, unit, most), middle <= most}
}

// A point of a line: x in seconds.
type point struct{ x, y float64 }

// slope returns the median of the slopes between all pairs of points (the estimator
// of Theil and Sen), which single peaks do not change.
func slope(points []point) float64 {
	var slopes []float64
	for i, a := range points {
		for _, b := range points[i+1:] {
			if b.x > a.x {
				slopes = append(slopes, (b.y-a.y)/(b.x-a.x))
			}
		}
	}
	if len(slopes) == 0 {
		return 0
	}
	slices.Sort(slopes)
	return slopes[len(slopes)/2]
}

func middle(points []point) float64 {
	var all []float64
	for _, p := range points {
		all = append(all, p.y)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// floor returns the lowest point of each group of n neighbours. A heap is as large
// as what is in use just after it was collected.
func floor(points []point, n int) []point {
	var lowest []point
	for group := range slices.Chunk(points, n) {
		lowest = append(lowest, slices.MinFunc(group, func(a, b point) int {
			return map[bool]int{true: -1, false: 1}[a.y < b.y]
		}))
	}
	return lowest
}
