package report

import (
	"math"
	"testing"

	"github.com/echo-pull/pull/bench/internal/record"
)

func broadcast(r record.Record) record.Record {
	r.Workload, r.Users, r.Deliveries = record.Broadcast1, 1000, 1
	return r
}

func TestDisturbedMeasurementsCountOnlyIfThereAreNoOthers(t *testing.T) {
	s := set{
		broadcast(record.Record{Peer: ours, CPU: 1000}),
		broadcast(record.Record{Peer: ours, Repetition: 1, CPU: 9000, Others: 0.5}),
		broadcast(record.Record{Peer: gws, CPU: 4000, Others: 0.5}),
	}

	if got := s.cell(ours, record.Broadcast1, 1000, record.Record.CPUPerDelivery, digits); got != "1.00" {
		t.Errorf("got %s, want 1.00, from the undisturbed one", got)
	}
	if got := s.cell(gws, record.Broadcast1, 1000, record.Record.CPUPerDelivery, digits); got != "4.00 ‡" {
		t.Errorf("got %s, want the mark of a disturbed one", got)
	}
}

func TestALaterRunReplacesOnlyWhatItMeasured(t *testing.T) {
	s := set{
		broadcast(record.Record{Peer: ours, CPU: 8000}),
		broadcast(record.Record{Peer: centrifuge, CPU: 8000}),
		broadcast(record.Record{Peer: "melody", CPU: 4000}),
		broadcast(record.Record{Run: 1, Peer: ours, CPU: 1000}),
		broadcast(record.Record{Run: 1, Peer: centrifuge, CPU: 4000}),
	}
	for _, row := range []struct {
		peer string
		want float64
	}{{ours, 0.25}, {"melody", 0.5}} {
		got, ok := s.ratio(row.peer, centrifuge, record.Broadcast1, 1000, record.Record.CPUPerDelivery)
		if !ok || got != row.want {
			t.Errorf("%s: got %v of centrifuge, want %v, within one run", row.peer, got, row.want)
		}
	}
}

func TestSlopeIsTheExponent(t *testing.T) {
	var points []point
	for _, n := range []int{10, 100, 1000} {
		points = append(points, point{n, record.Timing{Nanoseconds: 3 * math.Pow(float64(n), 0.5)}})
	}

	if got := slope(points); math.Abs(got-0.5) > 1e-9 {
		t.Errorf("got %v, want 0.5", got)
	}
}
