package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// Vars is what a server reports at /debug/vars. Fields that it does not report are
// zero.
type Vars struct {
	Goroutines int      `json:"goroutines"`
	Stats      Stats    `json:"pull"`
	Memory     MemStats `json:"memstats"`
	RSS        int64    `json:"-"` // resident bytes, from the kernel
}

// MemStats is the part of runtime.MemStats that is plotted.
type MemStats struct {
	HeapAlloc int64 // in bytes
}

// Stats is the part of pull.Stats that is plotted or checked.
type Stats struct {
	Sessions, Users, Watches         int
	Deliveries, Recovered, Gaps, Cut uint64
	PublisherEvents, PublisherBytes  int
	WindowMessages, WindowBytes      int
	GapsBy, CutBy, Refused           map[string]uint64
	LogLag, FirstWrite               Histogram
}

// A Histogram has the counts of durations in buckets, whose upper bounds are in
// seconds. The last count is of those above all bounds.
type Histogram struct {
	Bounds []float64
	Counts []uint64
}

// Since returns the durations that came after an earlier snapshot.
func (h Histogram) Since(earlier Histogram) Histogram {
	if len(earlier.Counts) != len(h.Counts) {
		return h
	}
	since := Histogram{h.Bounds, make([]uint64, len(h.Counts))}
	for i, n := range h.Counts {
		since.Counts[i] = n - min(n, earlier.Counts[i])
	}
	return since
}

// Quantile returns the upper bound in seconds of the bucket with the q-th duration:
// 0 if there is none, and the highest bound for those above it.
func (h Histogram) Quantile(q float64) float64 {
	total := uint64(0)
	for _, n := range h.Counts {
		total += n
	}
	rank, seen := uint64(q*float64(total)), uint64(0)
	for i, n := range h.Counts {
		if seen += n; seen > rank {
			return h.Bounds[min(i, len(h.Bounds)-1)]
		}
	}
	return 0
}

// causes formats the counts above 0, in any order of the map.
func causes(by map[string]uint64) string {
	by = maps.Clone(by)
	maps.DeleteFunc(by, func(_ string, n uint64) bool { return n == 0 })
	return strings.TrimPrefix(fmt.Sprint(by), "map")
}

// readVars reads the vars of a server, with the resident memory of its process.
func readVars(ctx context.Context, client *http.Client, address string, pid int) (Vars, error) {
	var v Vars
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/debug/vars", http.NoBody)
	if err != nil {
		return v, err
	}
	response, err := client.Do(r)
	if err != nil {
		return v, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if response.StatusCode != http.StatusOK {
		return v, fmt.Errorf("/debug/vars: %s", response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(&v); err != nil {
		return v, err
	}
	v.RSS, err = resident(pid)
	return v, err
}

// resident returns the resident memory of a process in bytes.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0, err
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0, err
	}
	return pages * int64(os.Getpagesize()), nil
}
