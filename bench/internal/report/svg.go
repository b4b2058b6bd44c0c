package report

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// A chart is drawn as SVG without a background, in colours that are legible on
// white and on black.
type chart struct {
	title   string
	x, y    string // what the axes show
	ticks   []string
	lines   []series
	places  []float64 // of the ticks, in any unit; evenly spaced if nil
	decades float64   // that a logarithmic axis spans at least

	log bool // heights are logarithmic, for peers that lie far apart
}

// A series is one peer: a value for each tick, 0 where there is none.
type series struct {
	name   string
	colour string
	bold   bool
	values []float64
}

const (
	width, height          = 860.0, 420.0
	left, right            = 70.0, 170.0
	top, bottom            = 60.0, 50.0
	ink                    = "#7d8590"
	plotWidth, plotHeight  = width - left - right, height - top - bottom
	frame                  = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="system-ui, sans-serif" font-size="12" fill="` + ink + `">` + "\n"
	legendStep, legendLeft = 20.0, width - right + 20
)

// An axis maps values to heights, logarithmically or linearly from 0.
type axis struct {
	least, most float64
	marks       []float64
}

// axis returns an axis that covers all values.
func (c chart) axis() axis {
	a := axis{least: math.Inf(1)}
	for _, s := range c.lines {
		for _, v := range s.values {
			if v > 0 {
				a.least, a.most = min(a.least, v), max(a.most, v)
			}
		}
	}
	switch {
	case a.most == 0:
		return axis{0, 1, []float64{0, 1}}
	case c.log:
		a = a.widened(c.decades)
		marks := decades(a.least/2.5, a.most*2.5)
		first, last := 0, len(marks)-1
		for marks[first+1] <= a.least {
			first++
		}
		for marks[last-1] > a.most {
			last--
		}
		return axis{marks[first], marks[last], marks[first : last+1]}
	default:
		marks := steps(a.most)
		return axis{0, marks[len(marks)-1], marks}
	}
}

// widened returns the axis spanning at least so many decades around its middle.
func (a axis) widened(decades float64) axis {
	if middle := math.Sqrt(a.least * a.most); decades > 0 {
		reach := math.Pow(10, decades/2)
		a.least, a.most = min(a.least, middle/reach), max(a.most, middle*reach)
	}
	return a
}

// steps returns four to eight round numbers from 0 to at least most.
func steps(most float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10(most)))
	for _, finer := range []float64{2, 2.5, 2} {
		if most/step < 4 {
			step /= finer
		}
	}
	marks := []float64{0}
	for marks[len(marks)-1] < most {
		marks = append(marks, step*float64(len(marks)))
	}
	return marks
}

// decades returns the numbers 1, 2, 5, 10 … and their fractions between two values.
func decades(least, most float64) []float64 {
	var marks []float64
	for exponent := math.Floor(math.Log10(least)); exponent <= math.Ceil(math.Log10(most)); exponent++ {
		for _, digit := range []float64{1, 2, 5} {
			if v := digit * math.Pow(10, exponent); v >= least && v <= most*1.0001 {
				marks = append(marks, v)
			}
		}
	}
	return marks
}

func (a axis) at(v float64) float64 {
	if a.least == 0 {
		return top + plotHeight*(1-v/a.most)
	}
	return top + plotHeight*(1-math.Log(v/a.least)/math.Log(a.most/a.least))
}

// curves draws a line for each series.
func (c chart) curves() string {
	b, a := c.begin()
	for i, tick := range c.ticks {
		c.tick(b, c.place(i), tick)
	}
	for i, s := range c.lines {
		var points []string
		for j, v := range s.values {
			if v > 0 {
				points = append(points, fmt.Sprintf("%.1f,%.1f", c.place(j), a.at(v)))
			}
		}
		fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="%g" stroke-linejoin="round" points="%s"/>`+"\n",
			s.colour, s.weight(), strings.Join(points, " "))
		for _, p := range points {
			x, y, _ := strings.Cut(p, ",")
			fmt.Fprintf(b, `<circle cx="%s" cy="%s" r="%g" fill="%s"/>`+"\n", x, y, s.weight()+1, s.colour)
		}
		legend(b, i, s)
	}
	return c.end(b)
}

// place returns where a tick is.
func (c chart) place(i int) float64 {
	if len(c.places) < 2 || c.places[len(c.places)-1] <= c.places[0] {
		return left + plotWidth/float64(max(len(c.ticks)-1, 1))*float64(i)
	}
	first, last := c.places[0], c.places[len(c.places)-1]
	return left + plotWidth*(c.places[i]-first)/(last-first)
}

// bars draws a group of bars for each tick.
func (c chart) bars() string {
	b, a := c.begin()
	group := plotWidth / float64(max(len(c.ticks), 1))
	wide := group * 0.86 / float64(max(len(c.lines), 1))
	for i, tick := range c.ticks {
		c.tick(b, left+group*(float64(i)+0.5), tick)
	}
	for i, s := range c.lines {
		for j, v := range s.values {
			if v <= 0 {
				continue
			}
			x, y := left+group*(float64(j)+0.07)+wide*float64(i), a.at(v)
			fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n",
				x, y, wide*0.88, top+plotHeight-y, s.colour)
			if wide >= 22 || s.bold {
				fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" font-size="10">%s</text>`+"\n", x+wide*0.44, y-4, digits(v))
			}
		}
		legend(b, i, s)
	}
	return c.end(b)
}

// begin draws everything except the data.
func (c chart) begin() (*strings.Builder, axis) {
	b, a := &strings.Builder{}, c.axis()
	fmt.Fprintf(b, frame, width, height)
	fmt.Fprintf(b, "<title>%s</title>\n", html.EscapeString(c.title))
	fmt.Fprintf(b, `<text x="%g" y="24" font-size="16" font-weight="600">%s</text>`+"\n", left, html.EscapeString(c.title))
	fmt.Fprintf(b, `<text x="%g" y="43">%s</text>`+"\n", left, html.EscapeString(c.y+map[bool]string{true: ", logarithmic"}[c.log]+"; lower is better"))
	for _, mark := range a.marks {
		y := a.at(mark)
		fmt.Fprintf(b, `<line x1="%g" y1="%.1f" x2="%g" y2="%.1f" stroke="%s" stroke-opacity="0.3"/>`+"\n", left, y, left+plotWidth, y, ink)
		fmt.Fprintf(b, `<text x="%g" y="%.1f" text-anchor="end">%s</text>`+"\n", left-8, y+4, compact(mark))
	}
	fmt.Fprintf(b, `<path d="M%g %gV%gH%g" fill="none" stroke="%s"/>`+"\n", left, top, top+plotHeight, left+plotWidth, ink)
	fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="middle">%s</text>`+"\n", left+plotWidth/2, height-8, html.EscapeString(c.x))
	return b, a
}

func (c chart) tick(b *strings.Builder, x float64, text string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%g" text-anchor="middle">%s</text>`+"\n", x, top+plotHeight+18, html.EscapeString(text))
}

func (c chart) end(b *strings.Builder) string {
	b.WriteString("</svg>\n")
	return b.String()
}

func legend(b *strings.Builder, at int, s series) {
	y := top + legendStep*(float64(at)+0.5)
	fmt.Fprintf(b, `<rect x="%g" y="%.1f" width="12" height="12" rx="2" fill="%s"/>`, legendLeft, y-10, s.colour)
	fmt.Fprintf(b, `<text x="%g" y="%.1f" font-weight="%s">%s</text>`+"\n", legendLeft+18, y,
		map[bool]string{true: "700", false: "400"}[s.bold], html.EscapeString(s.name))
}

func (s series) weight() float64 {
	if s.bold {
		return 3
	}
	return 1.6
}

// compact formats 1,000,000 as 1M.
func compact(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%gk", v/1e3)
	default:
		return fmt.Sprintf("%.4g", v)
	}
}
