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
)

// A set answers queries about all records of a run.
type set []record.Record

// A figure is one number of a record.
type figure func(record.Record) float64

// of returns the records of a peer with a measurement, by repetition.
func (s set) of(peer, workload string, users int) []record.Record {
	var found []record.Record
	for _, r := range s {
		measured := r.Error == "" && (r.Deliveries > 0 || workload == record.Idle)
		if measured && r.Peer == peer && r.Workload == workload && r.Users == users {
			found = append(found, r)
		}
	}
	return found
}

// values returns a figure in each repetition.
func (s set) values(peer, workload string, users int, f figure) []float64 {
	var all []float64
	for _, r := range s.of(peer, workload, users) {
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
// repetition. A temporary slowdown of the machine affects both.
func (s set) ratio(peer, other, workload string, users int, f figure) (float64, bool) {
	var ratios []float64
	for _, mine := range s.of(peer, workload, users) {
		for _, theirs := range s.of(other, workload, users) {
			if mine.Repetition == theirs.Repetition && f(theirs) > 0 {
				ratios = append(ratios, f(mine)/f(theirs))
			}
		}
	}
	return record.Median(ratios), len(ratios) > 0
}

// clean reports whether every message of these measurements arrived as it should.
func (s set) clean(peer, workload string, users int) bool {
	return !slices.ContainsFunc(s, func(r record.Record) bool {
		return r.Peer == peer && r.Workload == workload && r.Users == users && !r.Clean()
	})
}

// peers returns the peers in the order of the run's first repetition, with ours
// first and the limit last.
func (s set) peers() []string {
	var all []string
	for _, r := range s {
		if r.Peer != ours && r.Peer != raw && !slices.Contains(all, r.Peer) {
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
