package report

import (
	"slices"

	"github.com/echo-pull/pull/bench/internal/record"
)

// The peers that the others are compared with.
const (
	ours       = "pull"
	centrifuge = "centrifuge"
	raw        = "raw"
	sse        = "pull-sse"
	deflate    = "pull-deflate"
	gws        = "gws"
	before     = "pull-before" // another build, in response times
)

// A set answers queries about all records of a run.
type set []record.Record

// A figure is one number of a record.
type figure func(record.Record) float64

// of returns the records of a peer with a measurement, by repetition, from the
// latest run that has one. Disturbed ones count only if there are no others.
func (s set) of(peer, workload string, users int) []record.Record {
	return s.ofRun(s.latest(peer, workload, users), peer, workload, users)
}

// latest returns the latest run that has measured this, or -1.
func (s set) latest(peer, workload string, users int) int {
	run := -1
	for _, r := range s {
		if r.Run > run && r.Peer == peer && r.Workload == workload && r.Users == users && measured(r) {
			run = r.Run
		}
	}
	return run
}

func (s set) ofRun(run int, peer, workload string, users int) []record.Record {
	var calm, all []record.Record
	for _, r := range s {
		if r.Run != run || r.Peer != peer || r.Workload != workload || r.Users != users || !measured(r) {
			continue
		}
		all = append(all, r)
		if !r.Disturbed() {
			calm = append(calm, r)
		}
	}
	if len(calm) > 0 {
		return calm
	}
	return all
}

// measured reports whether the record has figures. Some workloads deliver nothing.
func measured(r record.Record) bool {
	return r.Error == "" && (r.Deliveries > 0 || r.Workload == record.Idle || r.Workload == record.Window || len(r.Seconds) > 0)
}

// values returns a figure in each repetition.
func (s set) values(peer, workload string, users int, f figure) []float64 {
	return figures(s.of(peer, workload, users), f)
}

func figures(records []record.Record, f figure) []float64 {
	var all []float64
	for _, r := range records {
		all = append(all, f(r))
	}
	return all
}

// median returns the median of a figure over the repetitions, and whether there is any.
func (s set) median(peer, workload string, users int, f figure) (float64, bool) {
	values := s.values(peer, workload, users, f)
	return record.Median(values), len(values) > 0
}

// ratio returns the median of the ratios of two peers' figures within a
// repetition of the same run. A temporary slowdown of the machine affects both.
func (s set) ratio(peer, other, workload string, users int, f figure) (float64, bool) {
	var ratios []float64
	for _, mine := range s.of(peer, workload, users) {
		for _, theirs := range s.ofRun(mine.Run, other, workload, users) {
			if mine.Repetition == theirs.Repetition && f(theirs) > 0 {
				ratios = append(ratios, f(mine)/f(theirs))
			}
		}
	}
	if len(ratios) == 0 { // no repetition in which both were undisturbed
		a, have := s.median(peer, workload, users, f)
		b := record.Median(figures(s.ofRun(s.latest(peer, workload, users), other, workload, users), f))
		return a / b, have && b > 0
	}
	return record.Median(ratios), true
}

// clean reports whether every message of these measurements arrived as it should.
func (s set) clean(peer, workload string, users int) bool {
	return !slices.ContainsFunc(s, func(r record.Record) bool {
		return r.Peer == peer && r.Workload == workload && r.Users == users && !r.Clean() &&
			r.Run >= s.latest(peer, workload, users)
	})
}

// disturbed reports whether other processes took much of the CPUs in each of these
// measurements.
func (s set) disturbed(peer, workload string, users int) bool {
	records := s.of(peer, workload, users)
	return len(records) > 0 && records[0].Disturbed()
}

// peers returns the peers in the order of the run's first repetition, with ours
// first and the limit last.
func (s set) peers() []string {
	var all []string
	for _, r := range s {
		if r.Peer != ours && r.Peer != raw && r.Peer != before && !slices.Contains(all, r.Peer) {
			all = append(all, r.Peer)
		}
	}
	all = append([]string{ours}, all...)
	return append(all, raw)
}

// users returns the numbers of connections of a workload.
func (s set) users(workload string) []int {
	var all []int
	for _, r := range s {
		if r.Workload == workload && !slices.Contains(all, r.Users) {
			all = append(all, r.Users)
		}
	}
	slices.Sort(all)
	return all
}

func (s set) repetitions() int {
	most := 0
	for _, r := range s {
		most = max(most, r.Repetition+1)
	}
	return most
}

// version returns the version that a peer's server reported.
func (s set) version(peer string) string {
	for _, r := range s {
		if r.Peer == peer && r.Version != "" {
			return r.Version
		}
	}
	return ""
}
