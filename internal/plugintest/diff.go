package plugintest

import (
	"slices"
	"strings"
)

// compare returns how what left differs from what a test wants, or "" if it does
// not.
func compare(want, got []left) string {
	if slices.EqualFunc(want, got, func(w, g left) bool { return w.matches(&g) }) {
		return ""
	}
	steps := diff(len(want), len(got), func(i, j int) bool { return want[i].matches(&got[j]) })
	var d differences
	for i := 0; i < len(steps); {
		if s := steps[i]; s.kind == both {
			d.add("    ", got[s.got].reduced(&want[s.want]).lines())
			i++
			continue
		}
		end := i
		var missing, extra []int
		for ; end < len(steps) && steps[end].kind != both; end++ {
			if steps[end].kind == wanted {
				missing = append(missing, steps[end].want)
			} else {
				extra = append(extra, steps[end].got)
			}
		}
		d.addRun(want, got, missing, extra)
		i = end
	}
	return strings.Join(d.lines, "\n")
}

// differences are the lines of a comparison.
type differences struct{ lines []string }

func (d *differences) add(mark string, lines []string) {
	for _, line := range lines {
		d.lines = append(d.lines, mark+line)
	}
}

// addRun adds events that differ. One that was wanted and one that left are a pair,
// of which only some lines may differ, if they have the same target and name.
func (d *differences) addRun(want, got []left, missing, extra []int) {
	for _, i := range missing {
		w := &want[i]
		k := slices.IndexFunc(extra, func(j int) bool { return got[j].name() == w.name() })
		if k < 0 {
			d.add("  - ", w.lines())
			continue
		}
		d.addExtra(got, extra[:k])
		d.addPair(w.lines(), got[extra[k]].reduced(w).lines())
		extra = extra[k+1:]
	}
	d.addExtra(got, extra)
}

// addExtra adds events that only left.
func (d *differences) addExtra(got []left, extra []int) {
	for _, j := range extra {
		d.add("  + ", got[j].lines())
	}
}

// addPair adds the lines of two events.
func (d *differences) addPair(want, got []string) {
	for _, s := range diff(len(want), len(got), func(i, j int) bool { return want[i] == got[j] }) {
		switch s.kind {
		case both:
			d.add("    ", want[s.want:s.want+1])
		case wanted:
			d.add("  - ", want[s.want:s.want+1])
		default:
			d.add("  + ", got[s.got:s.got+1])
		}
	}
}

// A step of a comparison: an element of both lists, or of one.
type step struct {
	kind      kind
	want, got int // indexes
}

type kind byte

const (
	both kind = iota
	wanted
	gotten
)

// diff compares two lists of these lengths, so that as many elements as possible
// are in both.
func diff(wants, gots int, equal func(i, j int) bool) []step {
	longest := make([][]int, wants+1) // common to the rests of the lists
	for i := range longest {
		longest[i] = make([]int, gots+1)
	}
	for i := wants - 1; i >= 0; i-- {
		for j := gots - 1; j >= 0; j-- {
			if equal(i, j) {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	var steps []step
	for i, j := 0, 0; i < wants || j < gots; {
		switch {
		case i < wants && j < gots && equal(i, j):
			steps = append(steps, step{both, i, j})
			i, j = i+1, j+1
		case j == gots || i < wants && longest[i+1][j] >= longest[i][j+1]:
			steps = append(steps, step{wanted, i, j})
			i++
		default:
			steps = append(steps, step{gotten, i, j})
			j++
		}
	}
	return steps
}
