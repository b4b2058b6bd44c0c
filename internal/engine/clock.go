package engine

import (
	"context"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
)

const sweepEvery = 10 * time.Second // how often old state is dropped

// clock does everything that depends on time, until ctx ends.
func (e *Engine) clock(ctx context.Context) {
	tick := time.NewTicker(max(e.config.Tick/hub.TickSlots, time.Millisecond))
	defer tick.Stop()
	update := time.NewTicker(hub.UpdateEvery)
	defer update.Stop()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	var sessions <-chan time.Time
	if e.HasSessions() {
		t := time.NewTicker(hub.ServeEvery)
		defer t.Stop()
		sessions = t.C
	}
	beat := time.NewTicker(hub.BeatEvery)
	defer beat.Stop()
	graceEnd := time.NewTimer(time.Hour)
	defer graceEnd.Stop()

	var o conn.Nonblocking
	for slot := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.hub.SendTicks(&o, slot)
			slot = (slot + 1) % hub.TickSlots
		case now := <-update.C:
			e.hub.SendPresence(&o, now)
			e.hub.PublishPageWatches(now)
		case now := <-sessions:
			for e.hub.ServeSessions(now) {
			}
		case now := <-sweep.C:
			e.dropOld(now)
			e.hub.SweepPresence(now)
			e.renewLog(now)
		case now := <-beat.C:
			e.beat(now)
		case <-e.graceStarted: // sets the timer below
		case now := <-graceEnd.C:
			e.hub.SweepPresence(now)
		}
		if at, running := e.hub.NextGraceEnd(); running {
			graceEnd.Reset(time.Until(at))
		}
	}
}

// beat publishes a sign of life, unless messages are waiting, which are one.
func (e *Engine) beat(now time.Time) {
	if e.publisher.IsIdle() {
		e.publisher.Announce(envelope.Control(envelope.KindBeat, now))
	}
}

// dropOld drops what is too old to matter, in small steps: others need the locks
// as well.
func (e *Engine) dropOld(now time.Time) {
	for e.hub.Sweep(now) {
	}
	for e.memory != nil && broker.Trim(e.memory, now) {
	}
}
