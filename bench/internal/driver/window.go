package driver

import (
	"context"
	"errors"
	"time"

	"github.com/echo-pull/pull/bench/internal/record"
	"github.com/echo-pull/pull/bench/internal/wire"
)

const (
	// windowAge is long enough to fill the window before anything is too old.
	windowAge = 15 * time.Second

	// windowMessages fit into every window.
	windowMessages = 90_000

	// windowRate is how many messages are published each second. Nobody receives them.
	windowRate = 30_000

	// oblivion is how long after windowAge a server may keep what is too old.
	oblivion = time.Minute
)

// window measures the memory of the messages that a server remembers, and what is
// left of it once they are older than the window.
func (d *Driver) window(ctx context.Context, t tag) error {
	const users = 1000
	s, err := d.serve(ctx, place{peer: t.peer, users: users, windowAge: windowAge})
	if err != nil {
		return t.failed(ctx, users, record.Window, err)
	}
	defer s.close()
	r, err := d.remembered(ctx, s)
	return t.keep(ctx, users, record.Window, r, err)
}

func (d *Driver) remembered(ctx context.Context, s *session) (record.Record, error) {
	job := wire.Job{
		Kind: wire.User, Users: s.users, Rate: windowRate, Size: d.Size, Count: windowMessages, For: windowAge,
	}
	if _, err := s.server.publish(ctx, job); err != nil {
		return record.Record{}, err
	}
	start := time.Now()
	full, err := s.server.settled(ctx)
	if err == nil && full.Window.Messages == 0 {
		err = errors.New("nothing is remembered")
	}
	if err != nil {
		return record.Record{}, err
	}
	each := func(after uint64) float64 {
		return (float64(after) - float64(s.empty.Heap)) / float64(full.Window.Messages)
	}
	r := record.Record{
		Workload:    record.Window,
		Size:        d.Size,
		Messages:    int64(full.Window.Messages),
		WindowHeap:  each(full.Heap),
		WindowBytes: float64(full.Window.Bytes) / float64(full.Window.Messages),
	}
	for {
		if err := rest(ctx, 5*time.Second); err != nil {
			return r, err
		}
		now, err := s.server.settled(ctx)
		if err != nil {
			return r, err
		}
		r.WindowLeft, r.Silence = max(0, each(now.Heap)), time.Since(start).Seconds()
		if r.WindowLeft < r.WindowHeap/20 || r.Silence > (windowAge+oblivion).Seconds() {
			return r, nil
		}
	}
}
