package record

import (
	"strings"
	"testing"
)

func TestTimingsAreMedians(t *testing.T) {
	timings, err := ReadTimings(strings.NewReader(`goos: linux
BenchmarkTag/watchers=1-2    56268   7500 ns/op   7500 ns/watcher   1708 B/op   14 allocs/op
BenchmarkTag/watchers=1-2    56268   9500 ns/op   9500 ns/watcher   1708 B/op   16 allocs/op
BenchmarkTag/watchers=1-2    56268   8000 ns/op   8000 ns/watcher   1708 B/op   15 allocs/op
PASS
`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := timings["Tag/watchers=1"], (Timing{8000, 15}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
