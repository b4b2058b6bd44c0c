// Package driver runs every peer through the same work, one after the other,
// and writes down what it measured.
package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/echo-pull/pull/bench/internal/record"
	"github.com/echo-pull/pull/bench/internal/wire"
)

// A Driver is the plan of a run.
type Driver struct {
	Peers       []string
	Users       []int
	Repetitions int
	Each        time.Duration // of the workloads
	Latency     time.Duration // of the measurements of latency
	Budget      time.Duration // no session starts after it
	Size        int           // of a message in bytes
	LatencyAt   int           // users for latency and stalled readers
	SocketIO    string        // folder of the socket.io server
	Profiles    string        // folder for CPU profiles of the Go servers; "" takes none

	Results  io.Writer // lines of JSON
	Progress io.Writer // lines for people
}

const (
	// warmup grows queues, pools and histories before anything is measured.
	warmup = 300 * time.Millisecond

	// overtime is what a session that was started within the budget may take.
	overtime = 5 * time.Minute

	// endless is a count that no job reaches.
	endless = jobNumbers / 2

	// sameRate is the messages per second at which all peers are compared: to
	// 1,000 users, every one of them can.
	sameRate = 40

	// With these a reader that stops has a full socket within a second, and
	// 1 MiB waiting for it within six.
	stalledSize   = 4096
	stalledRate   = 50
	stalledFor    = 7 * time.Second
	stalledBuffer = 32 << 10
)

// Run measures everything: repetition by repetition, so that what disturbs the
// machine for a while disturbs all peers, in an order that rotates.
func (d *Driver) Run(ctx context.Context) error {
	if err := d.write(machine()); err != nil {
		return err
	}
	end := time.Now().Add(d.Budget)
	ctx, cancel := context.WithDeadline(ctx, end.Add(overtime))
	defer cancel()
	for t, measure := range d.turns() {
		if time.Now().After(end) {
			d.say("the budget of %v is used up", d.Budget)
			return nil
		}
		if err := measure(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// A part measures one peer's share of a repetition.
type part func(context.Context, tag) error

// turns yields all that is to be done, in order.
func (d *Driver) turns() iter.Seq2[tag, part] {
	return func(yield func(tag, part) bool) {
		for repetition := range d.Repetitions {
			turn := repetition % len(d.Peers)
			peers := slices.Concat(d.Peers[turn:], d.Peers[:turn])
			for i := range len(d.parts()) * len(peers) {
				measure, peer := d.parts()[i/len(peers)], peers[i%len(peers)]
				if !yield(tag{d, repetition, peer}, measure) {
					return
				}
			}
		}
	}
}

// parts are the pieces of a repetition: what is measured with the same users is
// measured for one peer right after the other.
func (d *Driver) parts() []part {
	var parts []part
	for _, users := range d.Users {
		parts = append(parts, func(ctx context.Context, t tag) error { return d.throughput(ctx, t, users) })
	}
	return append(parts, d.stalled)
}

// throughput measures a peer with so many users, and its latency where asked.
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
		r, err := s.run(ctx, w.name, w.job)
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

// latency measures how late messages are, at half of the best rate and at one
// rate that is the same for all.
func (d *Driver) latency(ctx context.Context, t tag, s *session, best float64) error {
	for _, at := range []struct {
		name string
		rate float64
	}{{record.LatencyHalf, best / 2}, {record.LatencySame, sameRate}} {
		job := wire.Job{Kind: wire.Broadcast, Rate: at.rate, For: d.Latency, Size: d.Size, Count: endless}
		r, err := s.run(ctx, at.name, job)
		if err := t.keep(ctx, s.users, at.name, r, err); err != nil {
			return err
		}
	}
	return nil
}

// stalled measures the others' latency while one user does not read, and while
// everyone does. Peers whose sockets cannot be made small are left out, and so
// is the one that by design waits for every reader.
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

// A tag is what a record says about where it comes from.
type tag struct {
	driver     *Driver
	repetition int
	peer       string
}

// keep writes a measurement down, or that it failed.
func (t tag) keep(ctx context.Context, users int, workload string, r record.Record, err error) error {
	if err != nil {
		return t.failed(ctx, users, workload, err)
	}
	r.Repetition, r.Peer, r.Users = t.repetition, t.peer, users
	t.driver.say("%s", line(r))
	return t.driver.write(r)
}

// failed writes down that a peer failed, which ends nothing else; only the end
// of the whole run does.
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
