package record

import (
	"bufio"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Timing is what testing.B measured for one benchmark: medians over its runs.
type Timing struct {
	Nanoseconds float64
	Allocations float64
}

// Timings are benchmarks by name, as in "Routing/sessions=10".
type Timings map[string]Timing

// ReadTimings reads the output of go test -bench -benchmem.
func ReadTimings(from io.Reader) (Timings, error) {
	times, objects := map[string][]float64{}, map[string][]float64{}
	processors := regexp.MustCompile(`-\d+$`)
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		name := processors.ReplaceAllString(strings.TrimPrefix(words[0], "Benchmark"), "")
		times[name] = append(times[name], before(words, "ns/op"))
		objects[name] = append(objects[name], before(words, "allocs/op"))
	}
	all := Timings{}
	for name := range times {
		all[name] = Timing{Median(times[name]), Median(objects[name])}
	}
	return all, lines.Err()
}

// before returns the number in front of a unit, or 0 if there is none.
func before(words []string, unit string) float64 {
	at := max(slices.Index(words, unit), 1)
	value, err := strconv.ParseFloat(words[at-1], 64)
	if err != nil {
		return 0
	}
	return value
}
