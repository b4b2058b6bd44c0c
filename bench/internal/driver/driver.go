// Package driver runs every peer through the same work, one after the other,
// and records the measurements.
package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/echo-pull/pull/bench/internal/record"
	"github.com/echo-pull/pull/bench/internal/wire"
)

// A Driver is the plan of a run.
type Driver struct {
	Peers       []string
	Parts       []string // names of what is measured; all if empty
	Users       []int
	Repetitions int
	Each        time.Duration // of each workload
	Latency     time.Duration // of each latency measurement
	Budget      time.Duration // no session starts once it is used up
	Size        int           // of a message, in bytes
	LatencyAt   int           // users in the latency and stalled-reader measurements
	SocketIO    string        // directory of the socket.io server
	Profiles    string        // directory for CPU profiles of the Go servers; "" takes none

	Results  io.Writer // lines of JSON
	Progress io.Writer // lines for a human reader
}

const (
	// warmup grows queues, pools and histories before anything is measured.
	warmup = 300 * time.Millisecond

	// overtime is what a session started within the budget may take beyond it.
	overtime = 5 * time.Minute

	// endless is a count that no job reaches.
	endless = jobNumbers / 2

	// sameRate is the rate, in messages per second, at which all peers are
	// compared. Every peer can send 1,000 users that many.
	sameRate = 40

	// With these, a stopped reader's socket is full within a second, and 1 MiB
	// is queued for it within six.
	stalledSize   = 4096
	stalledRate   = 50
	stalledFor    = 7 * time.Second
	stalledBuffer = 32 << 10
)

// Run measures everything. It works repetition by repetition, in a rotating
// order, so that a temporary disturbance of the machine affects all peers.
func (d *Driver) Run(ctx context.Context) error {
	if err := d.write(machine()); err != nil {
		return err
	}
	end := time.Now().Add(d.Budget)
	ctx, cancel := context.WithDeadline(ctx, end.Add(overtime))
	defer cancel()
	for t, p := range d.turns() {
		if time.Now().After(end) {
			d.say("the budget of %v is used up", d.Budget)
			return nil
		}
		if err := p.measure(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// throughput measures a peer with that many users, and its latency if wanted.
func (d *Driver) throughput(ctx context.Context, t tag, users int) error {
	s, err := d.open(ctx, place{peer: t.peer, users: users})
	if err != nil {
		return t.failed(ctx, users, "all", err)
	}
	defer s.close()

	idle, err := s.idle(ctx)
	if err := t.keep(ctx, users, record.Idle, idle, err); err != nil {
		return err
	}
	_, _ = s.run(ctx, "warmup", wire.Job{Kind: wire.Broadcast, Window: 4, For: warmup, Size: d.Size, Count: endless})
	best := 0.0
	for _, w := range d.workloads() {
		r, err := s.quiet(ctx, w.name, w.job)
		if err := t.keep(ctx, users, w.name, r, err); err != nil {
			return err
		}
		if w.job.Kind == wire.Broadcast && r.Elapsed > 0 {
			best = max(best, float64(r.Messages)/r.Elapsed.Seconds())
		}
	}
	if users != d.LatencyAt || best == 0 {
		return nil
	}
	return d.latency(ctx, t, s, best)
}

type workload struct {
	name string
	job  wire.Job
}

func (d *Driver) workloads() []workload {
	job := func(kind string, window int64) wire.Job {
		return wire.Job{Kind: kind, Window: window, For: d.Each, Size: d.Size, Count: endless}
	}
	return []workload{
		{record.Broadcast1, job(wire.Broadcast, 1)},
		{record.Broadcast32, job(wire.Broadcast, 32)},
		{record.User, job(wire.User, 1)},
		{record.Tag, job(wire.Tag, 1)},
		{record.Request, job(wire.Request, 1)},
	}
}

// latency measures how late messages arrive, at half of the peer's best rate
// and at one rate that is the same for all peers.
func (d *Driver) latency(ctx context.Context, t tag, s *session, best float64) error {
	for _, at := range []struct {
		name string
		rate float64
	}{{record.LatencyHalf, best / 2}, {record.LatencySame, sameRate}} {
		job := wire.Job{Kind: wire.Broadcast, Rate: at.rate, For: d.Latency, Size: d.Size, Count: endless}
		r, err := s.quiet(ctx, at.name, job)
		if err := t.keep(ctx, s.users, at.name, r, err); err != nil {
			return err
		}
	}
	return nil
}

// stalled measures the latency of the other users while one user does not read,
// and while everyone reads. It skips peers whose socket buffers cannot be made
// small, and the peer that waits for every reader by design.
func (d *Driver) stalled(ctx context.Context, t tag) error {
	if d.LatencyAt == 0 || t.peer == "socket.io" || t.peer == "raw" {
		return nil
	}
	for stalled, name := range []string{record.Reading, record.Stalled} {
		p := place{peer: t.peer, users: d.LatencyAt, stalled: stalled, sendBuffer: stalledBuffer}
		s, err := d.open(ctx, p)
		if err != nil {
			return t.failed(ctx, p.users, name, err)
		}
		job := wire.Job{Kind: wire.Broadcast, Rate: stalledRate, For: stalledFor, Size: stalledSize, Count: endless}
		r, err := s.run(ctx, name, job)
		s.close()
		if err := t.keep(ctx, p.users, name, r, err); err != nil {
			return err
		}
	}
	return nil
}

// A tag identifies where a record comes from.
type tag struct {
	driver     *Driver
	repetition int
	peer       string
}

// keep records a measurement, or its failure.
func (t tag) keep(ctx context.Context, users int, workload string, r record.Record, err error) error {
	if err != nil {
		return t.failed(ctx, users, workload, err)
	}
	r.Repetition, r.Peer, r.Users = t.repetition, t.peer, users
	t.driver.say("%s", line(r))
	return t.driver.write(r)
}

// failed records that a peer failed. The run continues, unless it is the run
// itself that has ended.
func (t tag) failed(ctx context.Context, users int, workload string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r := record.Record{Repetition: t.repetition, Peer: t.peer, Users: users, Workload: workload, Error: err.Error()}
	t.driver.say("%s", line(r))
	return t.driver.write(r)
}

func (d *Driver) write(value any) error { return json.NewEncoder(d.Results).Encode(value) }

func (d *Driver) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.Progress, format+"\n", args...)
}
