package driver

import (
	"context"
	"slices"
	"time"

	"github.com/echo-pull/pull/bench/internal/record"
	"github.com/echo-pull/pull/bench/internal/wire"
)

// A phase is a workload that is measured by messages instead of time: with a
// server that has just started, and with one whose window is full.
type phase struct {
	filling, full string // workloads
	kind          string
	early, late   int64 // messages
}

// phases are the workloads. Each message to a tag has ten deliveries.
func phases() []phase {
	return []phase{
		{record.UserFilling, record.UserFull, wire.User, 90_000, 50_000},
		{record.TagFilling, record.TagFull, wire.Tag, 40_000, 15_000},
		{record.OneFilling, record.OneFull, wire.One, 90_000, 50_000},
	}
}

const (
	// full is the number of messages after which every window is full.
	full = 300_000

	// watchers is how many users hold a tag in these workloads.
	watchers = 10

	// phaseLimit is the time limit of each job.
	phaseLimit = 15 * time.Second
)

// remembers reports whether the peer keeps messages, so that the phases differ.
func remembers(peer string) bool {
	return slices.Contains([]string{"pull", "pull-sse", "centrifuge"}, peer)
}

// phases measures the phases of one peer. A server that remembers messages is
// started again for each workload that fills it.
func (d *Driver) phases(ctx context.Context, t tag, users int) error {
	first, later := phases()[0], phases()[1:]
	s, err := d.filled(ctx, t, users, first)
	if s == nil {
		return err
	}
	defer s.close()
	if remembers(t.peer) {
		job := wire.Job{Kind: wire.User, Window: 1, For: 2 * phaseLimit, Size: d.Size, Count: full - first.early}
		if _, err := s.run(ctx, "fill", job); err != nil {
			return t.failed(ctx, users, first.full, err)
		}
	}
	for _, p := range phases() {
		r, err := s.quiet(ctx, p.full, d.job(p, p.late))
		if err := t.keep(ctx, users, p.full, r, err); err != nil {
			return err
		}
	}
	if remembers(t.peer) {
		s.close()
	}
	for _, p := range later {
		if err := d.filling(ctx, t, s, p); err != nil {
			return err
		}
	}
	return nil
}

// filling measures a phase that fills the window, in the given session unless
// that would not be the same.
func (d *Driver) filling(ctx context.Context, t tag, s *session, p phase) error {
	if remembers(t.peer) {
		fresh, err := d.filled(ctx, t, s.users, p)
		if fresh != nil {
			fresh.close()
		}
		return err
	}
	r, err := s.quiet(ctx, p.filling, d.job(p, p.early))
	return t.keep(ctx, s.users, p.filling, r, err)
}

// filled starts a server and measures the phase that fills its window. The
// session is nil if there is an error, or if it could not start, which is recorded.
func (d *Driver) filled(ctx context.Context, t tag, users int, p phase) (*session, error) {
	s, err := d.open(ctx, place{peer: t.peer, users: users, tags: users / watchers})
	if err != nil {
		return nil, t.failed(ctx, users, p.filling, err)
	}
	r, err := s.run(ctx, p.filling, d.job(p, p.early))
	if err := t.keep(ctx, users, p.filling, r, err); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (d *Driver) job(p phase, messages int64) wire.Job {
	return wire.Job{Kind: p.kind, Window: 1, For: phaseLimit, Size: d.Size, Count: messages}
}
