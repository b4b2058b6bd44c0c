package driver

import (
	"context"
	"time"

	"github.com/echo-pull/pull/bench/internal/record"
	"github.com/echo-pull/pull/bench/internal/wire"
)

const (
	htmlUsers = 1000
	htmlSize  = 20 << 10
	htmlFor   = 3 * time.Second
)

// html measures broadcasts of HTML, and the same with compression.
func (d *Driver) html(ctx context.Context, t tag) error {
	for _, peer := range []string{t.peer, t.peer + "-deflate"} {
		t.peer = peer
		s, err := d.open(ctx, place{peer: peer, users: htmlUsers})
		if err != nil {
			return t.failed(ctx, htmlUsers, record.HTML, err)
		}
		job := wire.Job{Kind: wire.Broadcast, Window: 1, For: htmlFor, Size: htmlSize, HTML: true, Count: endless}
		r, err := s.quiet(ctx, record.HTML, job)
		s.close()
		if err := t.keep(ctx, htmlUsers, record.HTML, r, err); err != nil {
			return err
		}
	}
	return nil
}
