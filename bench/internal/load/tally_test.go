package load

import (
	"testing"

	"github.com/echo-pull/pull/bench/internal/wire"
)

func TestEveryFaultIsSeen(t *testing.T) {
	job := wire.Job{Kind: wire.User, First: 100, Users: 2, Window: 1}
	rows := []struct {
		name string
		to0  []int64 // numbers that reach the first of two users; 100, 102, 104 are for it
		want Result
	}{
		{name: "clean", to0: []int64{100, 102, 104}, want: Result{Deliveries: 3}},
		{name: "hole", to0: []int64{100, 104}, want: Result{Deliveries: 2}},
		{name: "twice", to0: []int64{100, 102, 102, 104}, want: Result{Deliveries: 3, Disordered: 1}},
		{name: "out of order", to0: []int64{102, 100, 104}, want: Result{Deliveries: 2, Disordered: 1}},
		{name: "someone else's", to0: []int64{100, 101, 102, 104}, want: Result{Deliveries: 3, Strangers: 1}},
		{name: "an earlier job's", to0: []int64{98, 100, 102, 104}, want: Result{Deliveries: 3, Strangers: 1}},
	}
	for _, row := range rows {
		conns := []*conn{{}, {}}
		var tally tally
		tally.begin(job, conns)
		for _, seq := range row.to0 {
			tally.count(conns[0], seq, 0, 1)
		}
		for _, seq := range []int64{101, 103, 105} {
			tally.count(conns[1], seq, 0, 1)
		}

		got := tally.end(6)

		if got.Deliveries != row.want.Deliveries+3 || got.Disordered != row.want.Disordered ||
			got.Strangers != row.want.Strangers || got.Lost() != 3-row.want.Deliveries {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
	}
}

func TestProgressEndsAtAHole(t *testing.T) {
	job := wire.Job{Kind: wire.Broadcast, Window: 32}
	conns := []*conn{{}, {}}
	var tally tally
	tally.begin(job, conns)
	for _, seq := range []int64{0, 1, 2} {
		tally.count(conns[0], seq, 0, 1)
	}
	for _, seq := range []int64{0, 2} {
		tally.count(conns[1], seq, 0, 1)
	}
	if below, ok := tally.news(); !ok || below != 1 {
		t.Errorf("got %d, %v, want 1, true: the second has not got message 1", below, ok)
	}
}
