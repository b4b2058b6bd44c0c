package pull

import (
	"context"
	"strconv"
	"time"
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

	var o offering
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
			p.node.sweep(now)
			p.node.sweepPresence(now)
			p.renameLog(now)
		case now := <-alive.C:
			p.publisher.say(control(kindBeat, now))
		case <-p.departed:
			p.node.sweepPresence(time.Now()) // without a grace it is over at once
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
func (n *node) remind(o *offering, slot int) {
	live, behind, epoch, settled := n.slot(slot)
	for _, s := range live {
		s.nudge(o, epoch, settled)
	}
	for _, s := range behind {
		s.nudge(o, "", 0) // of no log
	}
}

// slot returns the sessions of a slot, and up to where the live ones know
// everything for them.
func (n *node) slot(slot int) (live, behind []*session, epoch string, settled uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()

	for _, s := range n.all {
		switch {
		case s.turn != slot:
		case s.behind:
			behind = append(behind, s)
		default:
			s.last = max(s.last, n.settled)
			live = append(live, s)
		}
	}
	return live, behind, n.epoch, n.settled
}

// sweep lets go of what is too old to matter.
func (n *node) sweep(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.forgive(now)
	n.watches.sweep(now.UnixNano())
	n.history.evict(now.UnixNano(), 0)
	n.presence.seen.DeleteExpired()
}

// publishBulletin tells pages who came and went.
func (p *Plugin) publishBulletin(o *offering, now time.Time) {
	parcel, sessions := p.node.bulletin(now)
	for _, s := range sessions {
		s.deliver(o, parcel)
	}
}

// tickBody is the message that moves the cursor of a quiet page.
func tickBody(offset uint64) []byte {
	b := []byte(`{"module_id":"pull","command":"tick","params":{"offset":`)
	return append(strconv.AppendUint(b, offset, 10), "}}"...)
}
