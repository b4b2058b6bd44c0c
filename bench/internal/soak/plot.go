package soak

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// The sizes of the picture and of its panels, which stand below each other.
const (
	pictureWidth = 860.0
	panelHeight  = 190.0
	plotLeft     = 64.0
	plotWidth    = pictureWidth - plotLeft - 190
	plotHeight   = 120.0
)

// A curve is one line of a panel.
type curve struct {
	name, colour string
	points       []point
}

// The colours are legible on white and on black.
const (
	ink    = "#7d8590"
	blue   = "#4493f8"
	red    = "#e5534b"
	green  = "#3fb950"
	orange = "#db6d28"
)

// A panel has curves with the same unit.
type panel struct {
	title  string
	curves []curve
}

// Plot draws memory, goroutines, lag and gaps of a run as SVG. Vertical lines are
// kills of the second server.
func Plot(r Result) string {
	b := &strings.Builder{}
	panels := []panel{r.memory(), r.goroutines(), r.lag(), r.pages()}
	height := panelHeight * float64(len(panels))
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="system-ui, sans-serif" font-size="12" fill="%s">`+"\n",
		pictureWidth, height+30, ink)
	fmt.Fprintf(b, "<title>%d pages for %s under faults: memory, goroutines, lag and gaps</title>\n", r.Plan.Pages, r.Plan.For)
	for i, p := range panels {
		r.draw(b, float64(i)*panelHeight, p)
	}
	fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="middle">minutes, with %d pages; vertical lines: the second server is killed</text>`+"\n",
		plotLeft+plotWidth/2, height+18, r.Plan.Pages)
	b.WriteString("</svg>\n")
	return b.String()
}

func (r Result) memory() panel {
	return panel{"Memory in MB", []curve{
		r.curve("first server, resident", blue, func(s Sample) (float64, bool) { return float64(s.First.RSS) / MB, true }),
		r.curve("first server, heap", green, func(s Sample) (float64, bool) { return float64(s.First.Memory.HeapAlloc) / MB, true }),
		r.curve("second server, resident", orange, func(s Sample) (float64, bool) { return float64(s.Second.RSS) / MB, !s.Down }),
	}}
}

func (r Result) goroutines() panel {
	return panel{"Goroutines", []curve{
		r.curve("first server", blue, func(s Sample) (float64, bool) { return float64(s.First.Goroutines), true }),
		r.curve("second server", orange, func(s Sample) (float64, bool) { return float64(s.Second.Goroutines), !s.Down }),
	}}
}

// lag has what the pages have measured, and what the first server reports of its parts.
func (r Result) lag() panel {
	return panel{"Lag from the request to the page in ms", []curve{
		r.curve("median", blue, func(s Sample) (float64, bool) { return milliseconds(s.P50), s.P50 > 0 }),
		r.curve("99th percentile", red, func(s Sample) (float64, bool) { return milliseconds(s.P99), s.P99 > 0 }),
		r.curve("of the log, 99th", green, func(s Sample) (float64, bool) { return 1e3 * s.LogLag, s.LogLag > 0 }),
		r.curve("first write, 99th", orange, func(s Sample) (float64, bool) { return 1e3 * s.FirstWrite, s.FirstWrite > 0 }),
	}}
}

func (r Result) pages() panel {
	return panel{"Pages", []curve{
		r.curve("connected", blue, func(s Sample) (float64, bool) { return float64(s.Connected), true }),
		r.curve("gaps since the start", red, func(s Sample) (float64, bool) { return float64(s.Gaps), true }),
	}}
}

func (r Result) curve(name, colour string, value func(Sample) (float64, bool)) curve {
	return curve{name, colour, points(r.Samples, 0, math.MaxInt64, value)}
}

// draw draws a panel whose upper edge is at y.
func (r Result) draw(b *strings.Builder, y float64, p panel) {
	top, bottom := y+34, y+34+plotHeight
	most := p.most()
	fmt.Fprintf(b, `<text x="%g" y="%g" font-size="14" font-weight="600">%s</text>`+"\n", plotLeft, y+22, html.EscapeString(p.title))
	for i := range 5 {
		share := float64(i) / 4
		at := bottom - share*plotHeight
		fmt.Fprintf(b, `<path d="M%g %.1fh%g" stroke="%s" stroke-opacity="0.3"/>`, plotLeft, at, plotWidth, ink)
		fmt.Fprintf(b, `<text x="%g" y="%.1f" text-anchor="end">%.4g</text>`+"\n", plotLeft-8, at+4, most*share)
	}
	for at, step := time.Duration(0), r.step(); at <= r.end(); at += step {
		fmt.Fprintf(b, `<text x="%.1f" y="%g" text-anchor="middle">%g</text>`+"\n", r.place(at), bottom+16, at.Minutes())
	}
	for _, at := range r.Kills {
		fmt.Fprintf(b, `<path d="M%.1f %gV%g" stroke="%s" stroke-opacity="0.5" stroke-dasharray="2 3"/>`+"\n", r.place(at), top, bottom, ink)
	}
	legend := 0.0
	for _, c := range p.curves {
		if len(c.points) == 0 {
			continue
		}
		c.draw(b, func(p point) (x, y float64) {
			return r.place(time.Duration(p.x * float64(time.Second))), bottom - p.y/most*plotHeight
		})
		fmt.Fprintf(b, `<text x="%g" y="%g" fill="%s">%s</text>`+"\n", plotLeft+plotWidth+14, top+16+legend, c.colour, html.EscapeString(c.name))
		legend += 18
	}
}

// most returns the upper end of the axis.
func (p panel) most() float64 {
	most := 0.0
	for _, c := range p.curves {
		for _, p := range c.points {
			most = max(most, p.y)
		}
	}
	return ceiling(most)
}

func (c curve) draw(b *strings.Builder, place func(point) (x, y float64)) {
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.5" stroke-linejoin="round" points="`, c.colour)
	for _, p := range c.points {
		x, y := place(p)
		fmt.Fprintf(b, "%.1f,%.1f ", x, y)
	}
	b.WriteString(`"/>` + "\n")
}

// end returns the time of the last sample.
func (r Result) end() time.Duration {
	if len(r.Samples) == 0 {
		return time.Second
	}
	return r.Samples[len(r.Samples)-1].At
}

// step returns the time between two marks of the axis, so that there are at most
// eight.
func (r Result) step() time.Duration {
	for _, step := range []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute} {
		if r.end() <= 8*step {
			return step
		}
	}
	spans := 1 + int(r.end()/(40*time.Minute))
	return time.Duration(spans) * 5 * time.Minute
}

// place returns where a time is on the axis.
func (r Result) place(at time.Duration) float64 {
	return plotLeft + plotWidth*at.Seconds()/r.end().Seconds()
}

// ceiling returns the next number of 1, 2, 4, 6, 8 or 10 times a power of ten, which
// four steps divide into readable numbers.
func ceiling(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, digit := range []float64{1, 2, 4, 6, 8} {
		if v <= digit*power {
			return digit * power
		}
	}
	return 10 * power
}
