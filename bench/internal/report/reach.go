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
	over := func(other, workload string, users int) func(set) (float64, bool) {
		return func(s set) (float64, bool) {
			return s.ratio(ours, other, workload, users, record.Record.CPUPerDelivery)
		}
	}
	return []aim{
		{"broadcast, W = 1, 1,000 connections: CPU over centrifuge's", 0.7, over(centrifuge, record.Broadcast1, 1000)},
		{"broadcast, W = 1, 1,000 connections: CPU over one write per message", 1.35, over(raw, record.Broadcast1, 1000)},
		{"broadcast, W = 32, 1,000 connections: CPU over centrifuge's", 0.3, over(centrifuge, record.Broadcast32, 1000)},
		{"broadcast, W = 32, 10,000 connections: CPU over centrifuge's", 0.1, over(centrifuge, record.Broadcast32, 10000)},
		{"one user of 1,000: CPU over centrifuge's", 0.4, over(centrifuge, record.User, 1000)},
		{"one user of 10,000: CPU over centrifuge's", 0.6, over(centrifuge, record.User, 10000)},
		{"p99 at half of one's own maximum rate, over the best peer's", 1, bestLatency},
		{"resident KB per idle connection, 10,000 connections", 12.5, idleMemory},
		{"p99 with one stalled reader of 1,000, over the largest without", 1, stalledOverNoise},
	}
}

// bestLatency compares with the peer with the lowest latency. The limit does not
// count, because it is not a real server.
func bestLatency(s set) (float64, bool) {
	mine, ok := s.median(ours, record.LatencyHalf, s.typical(), p99)
	best := 0.0
	for _, peer := range s.peers() {
		value, there := s.median(peer, record.LatencyHalf, s.typical(), p99)
		if there && peer != ours && peer != raw && (best == 0 || value < best) {
			best = value
		}
	}
	return mine / best, ok && best > 0
}

func idleMemory(s set) (float64, bool) {
	value, ok := s.median(ours, record.Idle, 10000, func(r record.Record) float64 { return r.RSS })
	return value / 1024, ok
}

func stalledOverNoise(s set) (float64, bool) {
	reading := s.values(ours, record.Reading, s.typical(), p99)
	value, ok := s.median(ours, record.Stalled, s.typical(), p99)
	if len(reading) == 0 || !ok {
		return 0, false
	}
	return value / slices.Max(reading), true
}

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
			verdict = "not reached"
		}
		t.rows = append(t.rows, []string{a.what, fmt.Sprint(a.most), digits(got), verdict})
	}
	if len(t.rows) == 0 {
		return "This run did not measure what the aims are about.\n"
	}
	return t.String()
}

func span(values []float64) (least, most float64) {
	return slices.Min(values), slices.Max(values)
}
