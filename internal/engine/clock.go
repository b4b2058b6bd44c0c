package engine

import (
	"context"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
)

const (
	sweepEvery = 10 * time.Second // what is old is let go of
)

// clock does what time makes necessary, until ctx ends.
func (e *Engine) clock(ctx context.Context) {
	tick := time.NewTicker(max(e.config.Tick/hub.TickSlots, time.Millisecond))
	defer tick.Stop()
	bulletin := time.NewTicker(hub.BulletinEvery)
	defer bulletin.Stop()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	alive := time.NewTicker(hub.BeatEvery)
	defer alive.Stop()
	departure := time.NewTimer(time.Hour)
	defer departure.Stop()

	var o conn.Nonblocking
	for slot := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.hub.Remind(&o, slot)
			slot = (slot + 1) % hub.TickSlots
		case now := <-bulletin.C:
			e.publishBulletin(&o, now)
		case now := <-sweep.C:
			for e.hub.Sweep(now) { // a little at a time: others need the lock, too
			}
			e.hub.SweepPresence(now)
			e.renameLog(now)
		case now := <-alive.C:
			if e.publisher.IsIdle() { // else what waits there is a sign of life as well
				e.publisher.Announce(envelope.Control(envelope.KindBeat, now))
			}
		case <-e.departed: // the next departure is another one
		case now := <-departure.C:
			e.hub.SweepPresence(now)
		}
		if at, waits := e.hub.Departure(); waits {
			departure.Reset(time.Until(at))
		}
	}
}

// publishBulletin tells pages who came and went.
func (e *Engine) publishBulletin(o *conn.Nonblocking, now time.Time) {
	frame, sessions := e.hub.Bulletin(now)
	for _, s := range sessions {
		s.Deliver(o, frame)
	}
}
