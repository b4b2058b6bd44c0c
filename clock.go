package pull

import (
	"context"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
)

const (
	tickSlots     = 25               // a tick's work is spread over so many moments
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

// remind gives each session of a slot a ping and, where it is not catching up,
// its position in the log.
func (n *node) remind(o *conn.Nonblocking, slot int) {
	live, behind, epoch, settled := n.slot(slot)
	for _, s := range live {
		s.Remind(o, epoch, settled)
	}
	for _, s := range behind {
		s.Remind(o, "", 0) // of no log
	}
}

// slot returns the sessions of a slot, and up to where the live ones know
// everything for them.
func (n *node) slot(slot int) (live, behind []*session, epoch string, settled uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()

	for _, s := range n.turns[slot] {
		if s.behind {
			behind = append(behind, s)
			continue
		}
		s.last = max(s.last, n.settled)
		live = append(live, s)
	}
	return live, behind, n.epoch, n.settled
}

// sweepStep bounds how much of each kind one sweep lets go of.
const sweepStep = 1000

// sweep lets go of some of what is too old to matter, and returns whether there
// is more.
func (n *node) sweep(now time.Time) (more bool) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.forgive(now)
	more = n.watches.sweep(now.UnixNano(), sweepStep)
	more = n.presence.forget(now, sweepStep) || more
	return n.history.Evict(now.UnixNano(), max(0, n.history.Len()-sweepStep)) || more
}

// publishBulletin tells pages who came and went.
func (p *Plugin) publishBulletin(o *conn.Nonblocking, now time.Time) {
	frame, sessions := p.node.bulletin(now)
	for _, s := range sessions {
		s.Deliver(o, frame)
	}
}
