package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/echo-pull/pull/bench/internal/record"
)

// timings gives the templates access to what testing.B measured.
type timings record.Timings

// Timed reports whether there are timings to show.
func (t timings) Timed() bool { return len(t) > 0 }

// A point of a curve.
type point struct {
	size int
	record.Timing
}

// points returns the timings of a benchmark whose rows are named what=N, by size.
func (t timings) points(benchmark, what string) []point {
	var all []point
	for name, timing := range t {
		if text, ok := strings.CutPrefix(name, benchmark+"/"+what+"="); ok {
			if size, err := strconv.Atoi(text); err == nil {
				all = append(all, point{size, timing})
			}
		}
	}
	slices.SortFunc(all, func(a, b point) int { return cmp.Compare(a.size, b.size) })
	return all
}

// Curve returns the table of a benchmark whose work grows.
func (t timings) Curve(benchmark, what string) string {
	table := table{head: []string{what, "µs", "allocations"}}
	for _, p := range t.points(benchmark, what) {
		table.rows = append(table.rows, []string{count(float64(p.size)), digits(p.Nanoseconds / 1000), count(p.Allocations)})
	}
	return table.String() + fmt.Sprintf("\nThe slope of the fitted power law is %.2f.\n", slope(t.points(benchmark, what)))
}

// Requests returns the table of what the plugin adds to a request.
func (t timings) Requests() string {
	bare := t["Request/bare"]
	table := table{head: []string{"handler", "ns", "over the bare one", "allocations"}}
	for _, name := range []string{"bare", "nothing sent", "one event", "ten events"} {
		timing, ok := t["Request/"+strings.ReplaceAll(name, " ", "_")]
		if ok {
			table.rows = append(table.rows, []string{
				name, count(timing.Nanoseconds), count(timing.Nanoseconds - bare.Nanoseconds), count(timing.Allocations),
			})
		}
	}
	return table.String()
}

// aims are the limits for what the plugin may cost a request.
func (t timings) aims() []aim {
	const echos = 1 // allocations that Echo makes for any middleware
	over := func(name string, f func(request, bare record.Timing) float64) func(set) (float64, bool) {
		return func(set) (float64, bool) {
			a, ok := t["Request/"+name]
			b, also := t["Request/bare"]
			return f(a, b), ok && also
		}
	}
	nanoseconds := func(request, bare record.Timing) float64 { return request.Nanoseconds - bare.Nanoseconds }
	allocations := func(request, bare record.Timing) float64 { return request.Allocations - bare.Allocations - echos }
	return []aim{
		{"a request that sends nothing: ns over the bare handler", 150, over("nothing_sent", nanoseconds)},
		{"… allocations, without Echo's one for any middleware", 1, over("nothing_sent", allocations)},
		{"a request with one event: ns over the bare handler", 800, over("one_event", nanoseconds)},
		{"… allocations, without Echo's", 3, over("one_event", allocations)},
		{"a request with ten events: ns over the bare handler", 4500, over("ten_events", nanoseconds)},
		{"… allocations, without Echo's", 14, over("ten_events", allocations)},
	}
}

// slope returns the exponent of the power law that fits the points best: 0 does not
// grow, 1 is proportional.
func slope(points []point) float64 {
	var n, sx, sy, sxx, sxy float64
	for _, p := range points {
		if p.size > 0 && p.Nanoseconds > 0 {
			x, y := math.Log(float64(p.size)), math.Log(p.Nanoseconds)
			n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
		}
	}
	if spread := n*sxx - sx*sx; n > 1 && spread > 0 {
		return (n*sxy - sx*sy) / spread
	}
	return 0
}

// plots draws the curves, both axes logarithmic, with their slopes. The height spans
// three decades at least, so that flat curves look flat.
func (t timings) plots() map[string]string {
	all := map[string]string{}
	for _, c := range []struct{ benchmark, what, title string }{
		{"Routing", "sessions", "From Send to the page of one user"},
		{"Replay", "window", "Coming back to ten missed messages"},
		{"ReplayLength", "missed", "Coming back to missed messages"},
		{"Tag", "watchers", "From Send to the last of a tag's watchers"},
		{"Watch", "watchers", "Granting and ending one watch"},
	} {
		points := t.points(c.benchmark, c.what)
		if len(points) == 0 {
			continue
		}
		plot := chart{title: c.title, x: c.what + ", logarithmic", y: fmt.Sprintf("µs, slope %.2f", slope(points)), log: true, decades: 3, lines: []series{{name: c.benchmark, colour: colours()[0], bold: true}}}
		for _, p := range points {
			plot.ticks = append(plot.ticks, count(float64(p.size)))
			plot.places = append(plot.places, math.Log(float64(p.size)))
			plot.lines[0].values = append(plot.lines[0].values, p.Nanoseconds/1000)
		}
		all["curve-"+strings.ToLower(c.benchmark)+".svg"] = plot.curves()
	}
	return all
}
