package inspect

import (
	"slices"
	"strconv"
)

// The size of a plot in its own units. The newest value is at the right edge.
const (
	plotWidth  = 2 * (samples - 1)
	plotHeight = 48
	plotMargin = 2 // so that the line is not cut off
)

// A plot is a line of values over the last five minutes, as SVG.
type plot struct {
	Title   string
	Now     string // the newest value; empty if there is none yet
	Highest string
	Line    string // the points of the line
	Area    string // the points of what is below it
}

// newPlot returns the plot of values, the newest one last.
func newPlot(title string, values []float64) plot {
	if len(values) == 0 {
		return plot{Title: title}
	}
	highest := slices.Max(values)
	p := plot{Title: title, Now: decimal(values[len(values)-1]), Highest: decimal(highest)}
	var line []byte
	x := plotWidth - 2*(len(values)-1)
	first := x
	for _, v := range values {
		line = strconv.AppendInt(line, int64(x), 10)
		line = append(line, ',')
		line = strconv.AppendFloat(line, heightOf(v, highest), 'f', 1, 64)
		line = append(line, ' ')
		x += 2
	}
	p.Line = string(line[:len(line)-1])
	bottom := "," + strconv.Itoa(plotHeight)
	p.Area = strconv.Itoa(first) + bottom + " " + p.Line + " " + strconv.Itoa(plotWidth) + bottom
	return p
}

// heightOf returns where a value is: the highest at the top, and 0 at the bottom.
func heightOf(v, highest float64) float64 {
	if highest <= 0 {
		return plotHeight - plotMargin
	}
	return plotMargin + (plotHeight-2*plotMargin)*(1-v/highest)
}

// plots returns the plots of samples.
func plots(all []sample) []plot {
	return []plot{
		newPlot("Connections", levels(all, func(s *sample) int { return s.sessions })),
		newPlot("Events per second", rates(all, func(s *sample) uint64 { return s.events })),
		newPlot("Deliveries per second", rates(all, func(s *sample) uint64 { return s.deliveries })),
		newPlot("Waiting for the log", levels(all, func(s *sample) int { return s.waiting })),
		newPlot("Gaps, cuts and refusals per second", rates(all, func(s *sample) uint64 { return s.trouble })),
	}
}
