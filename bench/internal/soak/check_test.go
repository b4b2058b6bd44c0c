package soak

import (
	"math"
	"strings"
	"testing"
	"time"
)

// heap returns a line of a heap that is collected every five samples and whose live
// part grows by so much in each.
func heap(growth float64) []point {
	var points []point
	for i := range 200 {
		points = append(points, point{float64(i), 100 + growth*float64(i) + 40*float64(i%5)})
	}
	return points
}

func TestLineThatRisesIsNotFlat(t *testing.T) {
	for _, test := range []struct {
		name   string
		growth float64
		ok     bool
	}{
		{"flat under a saw", 0, true},
		{"a leak of a quarter", 0.125, false},
		{"less than what is allowed", 0.02, true},
		{"shrinks", -0.2, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if v := flat("the heap", "MB", floor(heap(test.growth), 5), limit{0.1, 8}); v.OK != test.ok {
				t.Errorf("got %v, want ok: %v", v, test.ok)
			}
		})
	}
}

func TestLineThatIsFlatMayBeTooHigh(t *testing.T) {
	for _, test := range []struct {
		line []point
		ok   bool
	}{{nil, false}, {[]point{{1, 5}, {2, 90}, {3, 6}}, true}, {[]point{{1, 50}, {2, 90}, {3, 51}}, false}} {
		if v := low("the lag", "ms", test.line, 50); v.OK != test.ok {
			t.Errorf("got %v, want ok: %v", v, test.ok)
		}
	}
}

func TestPeaksDoNotRaiseALine(t *testing.T) {
	points := heap(0)
	for i := range points[150:] {
		if i%10 == 0 {
			points[150+i].y += 1e6
		}
	}
	if v := flat("the heap", "MB", points, limit{0.1, 8}); !v.OK {
		t.Errorf("got %v, want ok", v)
	}
}

func TestTooFewSamplesAreNoVerdict(t *testing.T) {
	if v := flat("the heap", "MB", heap(0)[:5], limit{0.1, 8}); v.OK {
		t.Errorf("got %v, want a failure", v)
	}
}

func TestDelaysHaveQuantiles(t *testing.T) {
	var d delays
	for i := range 1000 {
		d.add(time.Duration(i+1) * time.Millisecond)
	}
	p50, p99 := d.drain()
	if math.Abs(p50.Seconds()/0.5-1) > 0.1 || math.Abs(p99.Seconds()/0.99-1) > 0.1 {
		t.Errorf("got %v and %v, want 500ms and 990ms, within 10 %%", p50, p99)
	}
	if p50, p99 := d.drain(); p50 != 0 || p99 != 0 {
		t.Errorf("got %v and %v from nothing, want zeros", p50, p99)
	}
}

func TestPlotHasACurveForEachLine(t *testing.T) {
	r := Result{Plan: Short(), Kills: []time.Duration{3 * time.Second}}
	for i := range 10 {
		s := Sample{At: time.Duration(i) * time.Second, Connected: 400, P50: time.Millisecond, P99: 2 * time.Millisecond, Down: i == 4}
		s.First = Vars{Goroutines: 900, RSS: 80e6, Memory: MemStats{HeapAlloc: 30e6}}
		s.Second = s.First
		r.Samples = append(r.Samples, s)
	}

	got := Plot(r)

	if n := strings.Count(got, "<polyline"); n != 9 {
		t.Errorf("%d curves, want 9 of a server without histograms", n)
	}
	if strings.Contains(got, "NaN") || strings.Contains(got, "Inf") {
		t.Error("the plot has coordinates that are no numbers")
	}
}
