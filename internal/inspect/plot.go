package inspect

import (
	"math"
	"slices"
	"strconv"
)

// The size of a plot in its own units. The newest value is at the right edge.
const (
	plotStep   = 2 // between two values
	plotWidth  = plotStep * (samples - 1)
	plotHeight = 48
	plotMargin = 2 // so that the line is not cut off
	plotBeyond = 4 // where the edges of the area are that must not be seen
)

// A plot is a line of values over the last five minutes, as SVG, and the area below it.
type plot struct {
	Title   string
	IsBad   bool   // anything but 0 is a problem
	Now     string // the newest value; empty if there is none yet
	Highest string
	Path    string // the attribute d of an element path
}

// newPlot returns the plot of values, the newest one last. There are at most as many as
// samples.
func newPlot(title string, values []float64) plot {
	if len(values) == 0 {
		return plot{Title: title}
	}
	highest := slices.Max(values)
	return plot{Title: title, Now: decimal(values[len(values)-1]), Highest: decimal(highest), Path: pathOf(values, highest)}
}

// pathOf returns the line of values. It is short, because the page gets it again and
// again: after the first point, each is relative to the one before it.
func pathOf(values []float64, highest float64) string {
	left := plotWidth - plotStep*(len(values)-1)
	if left == 0 {
		left = -plotBeyond
	}
	y := heightOf(values[0], highest)
	b := []byte("M" + strconv.Itoa(left) + " " + strconv.Itoa(plotHeight+plotBeyond) + "V" + strconv.Itoa(y))
	if left < 0 {
		b = append(b, "H0"...)
	}
	for n, v := range values[1:] {
		command := byte(' ')
		if n == 0 {
			command = 'l'
		}
		next := heightOf(v, highest)
		b = strconv.AppendInt(append(b, command), plotStep, 10)
		if next >= y {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(next-y), 10)
		y = next
	}
	return string(b) + "H" + strconv.Itoa(plotWidth+plotBeyond) + "V" + strconv.Itoa(plotHeight+plotBeyond)
}

// heightOf returns where a value is: the highest at the top, and 0 at the bottom.
func heightOf(v, highest float64) int {
	if highest <= 0 {
		return plotHeight - plotMargin
	}
	return plotMargin + int(math.Round((plotHeight-2*plotMargin)*(1-v/highest)))
}

// plots returns the plots of samples.
func plots(all []sample) []plot {
	problems := newPlot("Problems per second", rates(all, func(s *sample) uint64 { return s.problems }))
	problems.IsBad = true
	return []plot{
		newPlot("Connections", levels(all, func(s *sample) int { return s.sessions })),
		newPlot("Events per second", rates(all, func(s *sample) uint64 { return s.events })),
		newPlot("Deliveries per second", rates(all, func(s *sample) uint64 { return s.deliveries })),
		newPlot("Waiting for the log", levels(all, func(s *sample) int { return s.waiting })),
		problems,
	}
}
