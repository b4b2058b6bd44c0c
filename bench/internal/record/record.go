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

	UserFilling = "user-filling" // from the start of a server
	UserFull    = "user-full"    // after 300,000 messages
	TagFilling  = "tag-filling"  // tags with ten watchers
	TagFull     = "tag-full"
	OneFilling  = "one-filling" // one event from one handler to a user
	OneFull     = "one-full"

	HTML           = "html"            // to everyone, 20 KB of HTML, one in flight
	PresenceNobody = "presence-nobody" // everyone connects within seconds
	PresenceAll    = "presence-all"    // … and is notified of everyone else
	Change         = "change"          // connections come and go during broadcasts
	Window         = "window"          // memory of what the server remembers
	Response       = "response"        // of a request that sends one event, over HTTP
	ResponseBare   = "response-bare"   // of a request that sends none

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
	Bytes      int64         `json:"bytes,omitempty"`   // that the client received
	Others     float64       `json:"others,omitempty"`  // share of the CPUs that other processes used meanwhile

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

	// Of the window: heap and counted bytes of one message, and what is left of
	// the heap of one after as many seconds of silence.
	WindowHeap, WindowBytes, WindowLeft float64 `json:",omitempty"`
	Silence                             float64 `json:",omitempty"`

	Seconds []Second `json:"seconds,omitempty"` // of a scene, in order

	Run int `json:"-"` // index of the Machine among those that were read
}

// A Second is what happened in one second of a scene.
type Second struct {
	Connected  int           `json:"connected"` // at its end
	Bytes      int64         `json:"bytes"`     // that the client received
	Deliveries int64         `json:"deliveries"`
	P50        time.Duration `json:"p50"`
	P99        time.Duration `json:"p99"`
	CPU        time.Duration `json:"cpu"` // of the server
	RSS        uint64        `json:"rss"` // of the server, in bytes
}

// Disturbed reports whether other processes took more than 5 % of the CPUs.
func (r Record) Disturbed() bool { return r.Others > 0.05 }

// Clean reports whether all messages arrived, once and in order.
func (r Record) Clean() bool {
	return r.Error == "" && !r.Stuck && r.Lost+r.Disordered+r.Strangers+r.Closed+r.Refused == 0
}

// CPUPerDelivery is in microseconds.
func (r Record) CPUPerDelivery() float64 {
	return float64(r.CPU) / float64(time.Microsecond) / float64(r.Deliveries)
}

// Settled returns the number of seconds after which pages receive almost nothing any
// more, or 0 if they still do at the end.
func (r Record) Settled() int {
	const almost = 100 // bytes per page and second
	for i, s := range slices.Backward(r.Seconds) {
		if s.Bytes > almost*int64(s.Connected) {
			return (i + 1) % len(r.Seconds)
		}
	}
	return 0
}

// PagePeak returns the bytes that a page received in the worst second of a scene, on
// average over the pages.
func (r Record) PagePeak() float64 {
	most := 0.0
	for _, s := range r.Seconds {
		most = max(most, float64(s.Bytes)/float64(max(s.Connected, 1)))
	}
	return most
}

// PageBytes returns the bytes that a page received in a whole scene.
func (r Record) PageBytes() float64 { return float64(r.Bytes) / float64(r.Users) }

// BytesPerDelivery is what the client received, TCP and IP excluded.
func (r Record) BytesPerDelivery() float64 { return float64(r.Bytes) / float64(r.Deliveries) }

// DeliveriesPerSecond is the rate that was reached.
func (r Record) DeliveriesPerSecond() float64 { return float64(r.Deliveries) / r.Elapsed.Seconds() }

// AllocsPerDelivery counts the heap objects of the server.
func (r Record) AllocsPerDelivery() float64 { return float64(r.Mallocs) / float64(r.Deliveries) }

// Read reads the output of a run: a Machine, then Records.
func Read(from io.Reader) (Machine, []Record, error) {
	var machine Machine
	var records []Record
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
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
