package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/echo-pull/pull/bench/internal/load"
	"github.com/echo-pull/pull/bench/internal/record"
	"github.com/echo-pull/pull/bench/internal/wire"
)

const (
	// settle is how long connections rest before their memory is measured.
	settle = time.Second

	// grace is how much longer than planned a job may take before its
	// processes are killed.
	grace = 20 * time.Second

	// jobNumbers is how many message numbers each job reserves.
	jobNumbers = 100_000_000
)

// A session is one server with one client connected to it.
type session struct {
	server *server
	client *process
	peer   string
	users  int
	tags   int
	jobs   int64
	empty  wire.Stats // of the server before anyone has connected

	profiles string // directory for CPU profiles; "" takes none
}

// A place describes what is connected to what.
type place struct {
	peer       string
	users      int
	tags       int // that the users hold in turn
	stalled    int // among the users
	sendBuffer int // of the server's sockets, in bytes; 0 leaves it to the kernel
	presence   bool
	windowAge  time.Duration
}

// serve starts a server without a client.
func (d *Driver) serve(ctx context.Context, p place) (*session, error) {
	p.tags = cmp.Or(p.tags, wire.Tags)
	s := &session{peer: p.peer, users: p.users, tags: p.tags, profiles: d.Profiles}
	var err error
	s.server, err = startServer(ctx, "", p.peer, "--socketio", d.SocketIO, "--send-buffer", strconv.Itoa(p.sendBuffer),
		"--presence="+strconv.FormatBool(p.presence), "--window-age", p.windowAge.String())
	if err != nil {
		return nil, err
	}
	if s.empty, err = s.server.settled(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// open starts a server and connects a client.
func (d *Driver) open(ctx context.Context, p place) (*session, error) {
	s, err := d.serve(ctx, p)
	if err != nil {
		return nil, err
	}
	if err = s.connect(ctx, p); err == nil {
		err = rest(ctx, settle)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) connect(ctx context.Context, p place) error {
	ready := s.server.ready
	client, err := start(ctx, "", "load", "--addr", ready.Addr, "--control", ready.Control, "--dialect", ready.Dialect,
		"--users", strconv.Itoa(p.users), "--tags", strconv.Itoa(s.tags), "--stalled", strconv.Itoa(p.stalled))
	if err != nil {
		return err
	}
	s.client = client
	return client.hear(&load.Connected{})
}

func (s *session) close() {
	if s.client != nil {
		s.client.kill()
	}
	s.server.kill()
}

// idle measures what idle connections cost.
func (s *session) idle(ctx context.Context) (record.Record, error) {
	now, err := s.server.settled(ctx)
	if err != nil {
		return record.Record{}, err
	}
	per := func(after, before uint64) float64 { return (float64(after) - float64(before)) / float64(s.users) }
	return record.Record{
		Workload:   record.Idle,
		Version:    now.Version,
		RSS:        per(now.RSS, s.empty.RSS),
		Heap:       per(now.Heap, s.empty.Heap),
		Stack:      per(now.Stack, s.empty.Stack),
		Goroutines: float64(now.Goroutines-s.empty.Goroutines) / float64(s.users),
	}, nil
}

// quiet is run for a job that can be repeated: if other processes took too much
// of the CPUs, it runs once more, and the run that was disturbed less counts.
func (s *session) quiet(ctx context.Context, workload string, job wire.Job) (record.Record, error) {
	r, err := s.run(ctx, workload, job)
	if err != nil || !r.Disturbed() {
		return r, err
	}
	again, err := s.run(ctx, workload, job)
	if err == nil && again.Others > r.Others {
		return r, nil
	}
	return again, err
}

// run does a job and measures it from both sides.
func (s *session) run(ctx context.Context, workload string, job wire.Job) (record.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, job.For+grace)
	defer cancel()
	overdue := context.AfterFunc(ctx, s.close) // nothing else unblocks a client that waits forever
	defer overdue()

	s.jobs++
	job.First, job.Users, job.Tags = s.jobs*jobNumbers, s.users, int64(s.tags)
	if err := s.client.say(load.Command{Begin: &job}, &struct{}{}); err != nil {
		return record.Record{}, err
	}
	m := newMeter(s.server.process, s.client)
	done, err := s.profiled(ctx, workload, job)
	others := m.others()
	if errors.Is(err, context.DeadlineExceeded) {
		return record.Record{}, fmt.Errorf("%s: the server blocks: it did not end a job of %v within %v", workload, job.For, job.For+grace)
	}
	if err != nil {
		return record.Record{}, fmt.Errorf("%s: %w", workload, err)
	}
	var seen load.Result
	if err := s.client.say(load.Command{End: &done.Messages}, &seen); err != nil {
		return record.Record{}, err
	}
	r := measured(workload, job, done, seen)
	r.Others = others
	return r, nil
}

// profiled runs the job on the server, under its CPU profiler if the run
// collects profiles.
func (s *session) profiled(ctx context.Context, workload string, job wire.Job) (wire.Published, error) {
	if s.profiles == "" {
		return s.server.publish(ctx, job)
	}
	file := filepath.Join(s.profiles, fmt.Sprintf("%s-%d-%s.pprof", s.peer, s.users, workload))
	if err := s.server.ask(ctx, http.MethodPost, "/profile?file="+url.QueryEscape(file), nil, nil); err != nil {
		return wire.Published{}, err
	}
	done, err := s.server.publish(ctx, job)
	return done, errors.Join(err, s.server.ask(ctx, http.MethodPost, "/profile", nil, nil))
}

func measured(workload string, job wire.Job, done wire.Published, seen load.Result) record.Record {
	return record.Record{
		Workload:   workload,
		Size:       job.Size,
		Rate:       job.Rate,
		Messages:   done.Messages,
		Deliveries: seen.Deliveries,
		Elapsed:    done.Elapsed,
		CPU:        done.CPU,
		Mallocs:    done.Mallocs,
		Bytes:      seen.Bytes,
		Lost:       seen.Lost(),
		Disordered: seen.Disordered,
		Strangers:  seen.Strangers,
		Closed:     seen.Closed,
		Refused:    done.Errors,
		Stuck:      done.Stalled,
		P50:        seen.P50,
		P99:        seen.P99,
		P999:       seen.P999,
		Max:        seen.Max,
	}
}

// rest waits, unless ctx ends first.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
