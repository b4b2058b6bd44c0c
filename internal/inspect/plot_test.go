package inspect

import (
	"strings"
	"testing"
	"time"
)

func TestPlotBeginsAtTheRightAndIsAsHighAsItsHighestValue(t *testing.T) {
	p := newPlot("x", []float64{0, 5, 10, 5})
	if want := "M292 52V46l2-22 2-22 2 22H302V52"; p.Path != want {
		t.Errorf("the path is %q, want %q", p.Path, want)
	}
	if p.Now != "5" || p.Highest != "10" {
		t.Errorf("got %s now and %s at most, want 5 and 10", p.Now, p.Highest)
	}
}

func TestPlotOfNothingHasNoLine(t *testing.T) {
	if p := newPlot("x", nil); p.Path != "" || p.Now != "" {
		t.Errorf("got %+v, want no line", p)
	}
	if p := newPlot("x", []float64{0}); p.Path != "M298 52V46H302V52" {
		t.Errorf("the line of a zero is %q, want it at the bottom", p.Path)
	}
}

func TestRingKeepsTheLastFiveMinutes(t *testing.T) {
	var r ring
	start := time.Unix(1_000_000, 0)
	for n := range samples + 7 {
		r.add(sample{at: start.Add(time.Duration(n) * sampleEvery), sessions: n})
	}
	all := r.all()
	if len(all) != samples || all[0].sessions != 7 || all[samples-1].sessions != samples+6 {
		t.Errorf("got %d samples from %d to %d, want %d from 7 to %d", len(all), all[0].sessions, all[len(all)-1].sessions, samples, samples+6)
	}
	for n := 1; n < len(all); n++ {
		if !all[n].at.After(all[n-1].at) {
			t.Fatalf("sample %d is not after the one before it", n)
		}
	}
	if took := all[samples-1].at.Sub(all[0].at); took.Round(10*time.Second) != 5*time.Minute {
		t.Errorf("the samples cover %s, want 5m", took)
	}
}

func TestRatesArePerSecondAndNeverNegative(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	all := []sample{{at: start, events: 10}, {at: start.Add(2 * time.Second), events: 20}, {at: start.Add(4 * time.Second), events: 5}, {at: start.Add(4 * time.Second), events: 9}}
	got := rates(all, func(s *sample) uint64 { return s.events })
	if len(got) != 3 || got[0] != 5 || got[1] != 0 || got[2] != 0 {
		t.Errorf("got %v, want [5 0 0]", got)
	}
	if got := rates(nil, func(s *sample) uint64 { return s.events }); len(got) != 0 {
		t.Errorf("got %v for no samples, want none", got)
	}
}

// The fragment with five plots is sent every two seconds.
func TestPlotOfFiveMinutesIsSmall(t *testing.T) {
	values := make([]float64, samples)
	for n := range values {
		values[n] = float64(n % 2)
	}
	p := newPlot("x", values)
	if !strings.HasPrefix(p.Path, "M-4 52V46H0l2-44 2 44 2-44") || len(p.Path) > 800 {
		t.Errorf("the path begins with %.30q and has %d bytes, want it to begin at 0 and have at most 800", p.Path, len(p.Path))
	}
}
