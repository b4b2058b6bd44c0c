package report

import (
	"fmt"
	"slices"

	"github.com/echo-pull/pull/bench/internal/record"
)

// An aim is a goal of this project: a number that must be at most a limit.
type aim struct {
	what string
	most float64
	got  func(set) (float64, bool)
}

func aims() []aim {
	all := []aim{
		{"broadcast, W = 1, 1,000 connections: CPU over centrifuge's", 0.7, over(ours, centrifuge, record.Broadcast1, 1000)},
		{"broadcast, W = 1, 1,000 connections: CPU over one write per message", 1.35, over(ours, raw, record.Broadcast1, 1000)},
		{"broadcast, W = 32, 10,000 connections: CPU over centrifuge's", 0.1, over(ours, centrifuge, record.Broadcast32, 10000)},
	}
	for _, users := range []int{1000, 10000} {
		for _, w := range []struct{ workload, name string }{
			{record.UserFilling, "one user of %s, window filling"},
			{record.UserFull, "one user of %s, window full"},
			{record.TagFilling, "a tag with ten watchers of %s, window filling"},
			{record.TagFull, "a tag with ten watchers of %s, window full"},
			{record.OneFilling, "a request with one event, %s connections, window filling"},
			{record.OneFull, "a request with one event, %s connections, window full"},
		} {
			name := fmt.Sprintf(w.name, count(float64(users)))
			all = append(
				all,
				aim{name + ": CPU over one write per message", 1.3, over(ours, raw, w.workload, users)},
				aim{name + ": CPU over centrifuge's", 0.5, over(ours, centrifuge, w.workload, users)},
			)
		}
	}
	return append(all, otherAims()...)
}

func otherAims() []aim {
	return []aim{
		{"response of a request with one event: µs of the median over the other build's", 3, later(p50)},
		{"response of a request with one event: µs of p99 over the other build's", 3, later(p99)},
		{"bytes on the wire for a message of 200 B", 240, of(record.Broadcast1, 1000, record.Record.BytesPerDelivery)},
		{"heap of a message of 200 B in the window, bytes", 360, of(record.Window, 1000, windowHeap)},
		{"… that the plugin does not count, of them", 0, func(s set) (float64, bool) {
			heap, ok := s.median(ours, record.Window, 1000, windowHeap)
			counted, _ := s.median(ours, record.Window, 1000, windowBytes)
			return max(0, heap-counted), ok
		}},
		{"… left a minute after the message has become too old, bytes", 18, of(record.Window, 1000, windowLeft)},
		{"presence, 10,000 users who connect at once: bytes per page in the worst second", 4096, func(s set) (float64, bool) {
			return s.median(ours, record.PresenceAll, 10000, func(r record.Record) float64 { return r.PagePeak() })
		}},
		{"… CPU over that with nobody notified", 2, func(s set) (float64, bool) {
			all, ok := s.median(ours, record.PresenceAll, 10000, seconds)
			nobody, also := s.median(ours, record.PresenceNobody, 10000, seconds)
			return all / nobody, ok && also
		}},
		{"resident KB per idle connection, 10,000 connections", 8.2, func(s set) (float64, bool) {
			value, ok := s.median(ours, record.Idle, 10000, func(r record.Record) float64 { return r.RSS })
			return value / 1024, ok
		}},
		{"compressed HTML of 20 KB to 1,000 connections: CPU over that without", 1.1, over(deflate, ours, record.HTML, 1000)},
		{"… bytes over those without", 0.25, func(s set) (float64, bool) {
			return s.ratio(deflate, ours, record.HTML, 1000, record.Record.BytesPerDelivery)
		}},
		{"Server-Sent Events, broadcast, W = 1, 1,000: CPU over WebSocket", 1.3, over(sse, ours, record.Broadcast1, 1000)},
		{"Server-Sent Events, one user of 1,000, window full: CPU over WebSocket", 1.3, over(sse, ours, record.UserFull, 1000)},
	}
}

// over compares the CPU of two peers.
func over(peer, other, workload string, users int) func(set) (float64, bool) {
	return func(s set) (float64, bool) {
		return s.ratio(peer, other, workload, users, record.Record.CPUPerDelivery)
	}
}

// of is a figure of ours.
func of(workload string, users int, f figure) func(set) (float64, bool) {
	return func(s set) (float64, bool) { return s.median(ours, workload, users, f) }
}

// later returns by how many µs responses of this build are later than another's.
func later(f figure) func(set) (float64, bool) {
	return func(s set) (float64, bool) {
		mine, ok := s.median(ours, record.Response, 1, f)
		theirs, also := s.median(before, record.Response, 1, f)
		return (mine - theirs) / 1000, ok && also
	}
}

func span(values []float64) (least, most float64) {
	return slices.Min(values), slices.Max(values)
}

func windowHeap(r record.Record) float64  { return r.WindowHeap }
func windowBytes(r record.Record) float64 { return r.WindowBytes }
func windowLeft(r record.Record) float64  { return r.WindowLeft }
func seconds(r record.Record) float64     { return r.CPU.Seconds() }

// reach returns the table of aims and measurements.
func (s set) reach(aims []aim) string {
	t := table{head: []string{"", "aim: at most", "measured", ""}}
	for _, a := range aims {
		got, ok := a.got(s)
		if !ok {
			continue
		}
		verdict := "reached"
		if got > a.most {
			verdict = "**not reached**"
		}
		t.rows = append(t.rows, []string{a.what, fmt.Sprint(a.most), digits(got), verdict})
	}
	if len(t.rows) == 0 {
		return "This run did not measure what the aims are about.\n"
	}
	return t.String()
}
