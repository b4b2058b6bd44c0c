// Package record defines the output of a run: lines of JSON, one for each
// measurement. The report is made from them.
package record

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// The workloads.
const (
	Idle        = "idle"         // connections without messages
	Broadcast1  = "broadcast-1"  // to everyone, one message in flight
	Broadcast32 = "broadcast-32" // to everyone, 32 in flight
	User        = "user"         // to one of all users
	Tag         = "tag"          // to the 1 % with a tag
	Request     = "request"      // ten events from one handler to a user
	LatencyHalf = "latency-half" // to everyone, at half of the peer's maximum rate
	LatencySame = "latency-same" // to everyone, at the same rate for all peers
	Reading     = "reading"      // like Stalled, but everyone reads
	Stalled     = "stalled"      // to everyone, while one user has stopped reading
)

// A Machine describes where a run took place.
type Machine struct {
	Date   time.Time `json:"date"`
	Cores  int       `json:"cores"`
	CPU    string    `json:"cpu"`
	Go     string    `json:"go"`
	Kernel string    `json:"kernel"`
}

// A Record is one measurement.
type Record struct {
	Repetition int    `json:"repetition"`
	Peer       string `json:"peer"`
	Version    string `json:"version,omitempty"`
	Users      int    `json:"users"`
	Workload   string `json:"workload"`
	Error      string `json:"error,omitempty"` // the reason if there is no measurement

	Size       int           `json:"size,omitempty"`
	Rate       float64       `json:"rate,omitempty"` // intended; messages per second
	Messages   int64         `json:"messages,omitempty"`
	Deliveries int64         `json:"deliveries,omitempty"`
	Elapsed    time.Duration `json:"elapsed,omitempty"` // ns, like all durations here
	CPU        time.Duration `json:"cpu,omitempty"`     // of the server process
	Mallocs    uint64        `json:"mallocs,omitempty"` // of the server process

	Lost       int64 `json:"lost,omitempty"`
	Disordered int64 `json:"disordered,omitempty"`
	Strangers  int64 `json:"strangers,omitempty"`
	Closed     int64 `json:"closed,omitempty"`
	Refused    int64 `json:"refused,omitempty"`
	Stuck      bool  `json:"stuck,omitempty"` // no progress, or too slow for the rate

	P50  time.Duration `json:"p50,omitempty"`
	P99  time.Duration `json:"p99,omitempty"`
	P999 time.Duration `json:"p999,omitempty"`
	Max  time.Duration `json:"max,omitempty"`

	RSS        float64 `json:"rss,omitempty"` // bytes per connection, above the empty server
	Heap       float64 `json:"heap,omitempty"`
	Stack      float64 `json:"stack,omitempty"`
	Goroutines float64 `json:"goroutines,omitempty"` // per connection
}

// Clean reports whether all messages arrived, once and in order.
func (r Record) Clean() bool {
	return r.Error == "" && !r.Stuck && r.Lost+r.Disordered+r.Strangers+r.Closed+r.Refused == 0
}

// CPUPerDelivery is in microseconds.
func (r Record) CPUPerDelivery() float64 {
	return float64(r.CPU) / float64(time.Microsecond) / float64(r.Deliveries)
}

// DeliveriesPerSecond is the rate that was reached.
func (r Record) DeliveriesPerSecond() float64 { return float64(r.Deliveries) / r.Elapsed.Seconds() }

// AllocsPerDelivery counts the heap objects of the server.
func (r Record) AllocsPerDelivery() float64 { return float64(r.Mallocs) / float64(r.Deliveries) }

// Read reads the output of a run: a Machine, then Records.
func Read(from io.Reader) (Machine, []Record, error) {
	var machine Machine
	var records []Record
	lines := bufio.NewScanner(from)
	for n := 1; lines.Scan(); n++ {
		var err error
		if n == 1 {
			err = json.Unmarshal(lines.Bytes(), &machine)
		} else {
			records = append(records, Record{})
			err = json.Unmarshal(lines.Bytes(), &records[len(records)-1])
		}
		if err != nil {
			return machine, records, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return machine, records, lines.Err()
}

// Median returns the median; of an even number of values, the mean of the middle two.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
