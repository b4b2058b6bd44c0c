package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/echo-pull/pull/bench/internal/load"
	"github.com/echo-pull/pull/bench/internal/record"
)

// A Comparison measures how long the responses of requests take, over HTTP on
// connections that are kept, with one connected user: with a handler that sends an
// event to this user, and with one that sends nothing. If Against is set, another
// build takes turns with this one.
type Comparison struct {
	Against string // another build of this program; "" if there is none
	Rounds  int
	Rate    int // requests per second of each handler

	Results  io.Writer // lines of JSON
	Progress io.Writer // lines for a human reader
}

const (
	// Before is the name of the other build among the results.
	Before = "pull-before"

	// perTurn is how many requests a handler gets before the next one's turn.
	perTurn = 250
)

// A contestant is a handler of one of the builds.
type contestant struct {
	peer, workload string
	caller         *load.Caller
	times          []time.Duration
	medians        []float64 // µs, one for each round
}

// Run measures, and writes a Machine and a Record for each handler and build.
func (c *Comparison) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx) // ends the processes
	defer stop()
	var all []*contestant
	var processes []*process
	builds := map[string]string{ours: ""}
	if c.Against != "" {
		builds[Before] = c.Against
	}
	for peer, program := range builds {
		s, err := opened(ctx, program)
		if err != nil {
			return fmt.Errorf("%s: %w", peer, err)
		}
		defer s.close()
		processes = append(processes, s.server.process, s.client)
		handlers, err := handlers(peer, s.server.ready.Addr)
		if err != nil {
			return err
		}
		all = append(all, handlers...)
	}
	m := newMeter(processes...)
	if err := c.rounds(ctx, all); err != nil {
		return err
	}
	return c.write(all, m.others())
}

// ours is the name of the peer that is this project.
const ours = "pull"

// opened starts a server of that program with one connected user.
func opened(ctx context.Context, program string) (*session, error) {
	server, err := startServer(ctx, program, ours)
	if err != nil {
		return nil, err
	}
	s := &session{server: server, peer: ours, users: 1, tags: 1}
	if err := s.connect(ctx, place{users: 1}); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func handlers(peer, addr string) ([]*contestant, error) {
	all := []*contestant{{peer: peer, workload: record.ResponseBare}, {peer: peer, workload: record.Response}}
	var failed error
	for i, path := range []string{"/bare", "/one"} {
		var err error
		all[i].caller, err = load.NewCaller(addr, path)
		failed = errors.Join(failed, err)
	}
	return all, failed
}

// rounds lets all take turns. The first round only warms up.
func (c *Comparison) rounds(ctx context.Context, all []*contestant) error {
	ticker := time.NewTicker(time.Second / time.Duration(c.Rate))
	defer ticker.Stop()
	for round := range c.Rounds + 1 {
		for i := range all {
			one := all[(i+round)%len(all)]
			times, err := one.turn(ctx, ticker)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", one.peer, one.workload, err)
			}
			if round > 0 {
				one.times = append(one.times, times...)
				one.medians = append(one.medians, microseconds(quantile(times, 0.5)))
			}
		}
	}
	return nil
}

func (c *contestant) turn(ctx context.Context, ticker *time.Ticker) ([]time.Duration, error) {
	times := make([]time.Duration, 0, perTurn)
	for range perTurn {
		<-ticker.C
		took, err := c.caller.Call()
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		times = append(times, took)
	}
	return times, nil
}

func (c *Comparison) write(all []*contestant, others float64) error {
	out := json.NewEncoder(c.Results)
	if err := out.Encode(machine()); err != nil {
		return err
	}
	for _, one := range all {
		r := record.Record{
			Peer: one.peer, Users: 1, Workload: one.workload, Rate: float64(c.Rate), Others: others,
			Messages: int64(len(one.times)), Deliveries: int64(len(one.times)),
			P50: quantile(one.times, 0.5), P99: quantile(one.times, 0.99), P999: quantile(one.times, 0.999), Max: slices.Max(one.times),
		}
		_, _ = fmt.Fprintf(c.Progress, "%-12s %-14s %6d responses, p50 %7.1f µs, p99 %7.1f µs\n",
			one.peer, one.workload, len(one.times), microseconds(r.P50), microseconds(r.P99))
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	c.differences(all)
	return nil
}

// differences prints, for each handler, the difference between the builds round by
// round, which a change of the machine's speed affects least.
func (c *Comparison) differences(all []*contestant) {
	for _, mine := range all {
		for _, theirs := range all {
			if mine.peer != ours || theirs.peer != Before || mine.workload != theirs.workload {
				continue
			}
			var differences []float64
			for i := range mine.medians {
				differences = append(differences, mine.medians[i]-theirs.medians[i])
			}
			slices.Sort(differences)
			n := len(differences)
			_, _ = fmt.Fprintf(c.Progress, "%s: this build's median over the other's, by rounds: %+.1f µs (quartiles %+.1f, %+.1f)\n",
				mine.workload, record.Median(differences), differences[n/4], differences[n*3/4])
		}
	}
}

func quantile(times []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[int(q*float64(len(sorted)-1))]
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
