package pull

import (
	"context"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
)

const (
	bulletinEvery = time.Second      // changes of presence leave together
	sweepEvery    = 10 * time.Second // what is old is let go of
)

// clock does what time makes necessary, until ctx ends.
func (p *Plugin) clock(ctx context.Context) {
	tick := time.NewTicker(max(p.config.Tick/tickSlots, time.Millisecond))
	defer tick.Stop()
	bulletin := time.NewTicker(bulletinEvery)
	defer bulletin.Stop()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	alive := time.NewTicker(beat)
	defer alive.Stop()
	departure := time.NewTimer(time.Hour)
	defer departure.Stop()

	var o conn.Nonblocking
	for slot := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.node.remind(&o, slot)
			slot = (slot + 1) % tickSlots
		case now := <-bulletin.C:
			p.publishBulletin(&o, now)
		case now := <-sweep.C:
			for p.node.sweep(now) { // a little at a time: others need the lock, too
			}
			p.node.sweepPresence(now)
			p.renameLog(now)
		case now := <-alive.C:
			if p.publisher.IsIdle() { // else what waits there is a sign of life as well
				p.publisher.Announce(envelope.Control(envelope.KindBeat, now))
			}
		case <-p.departed: // the next departure is another one
		case now := <-departure.C:
			p.node.sweepPresence(now)
		}
		if at, waits := p.node.departure(); waits {
			departure.Reset(time.Until(at))
		}
	}
}

// publishBulletin tells pages who came and went.
func (p *Plugin) publishBulletin(o *conn.Nonblocking, now time.Time) {
	frame, sessions := p.node.bulletin(now)
	for _, s := range sessions {
		s.Deliver(o, frame)
	}
}
