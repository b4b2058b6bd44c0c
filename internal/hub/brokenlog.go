package hub

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
)

// isNew tells whether a message lies at an offset at which something else was
// before: the log went back within its epoch. The names of messages tell.
func (n *Hub) isNew(d *broker.Delivery) bool {
	e, err := envelope.Parse(d.Raw)
	if err != nil {
		return false
	}
	p := n.presence.peers[string(e.Node)]
	return p == nil || e.Seq > p.seq
}

// restart begins again after the log broke: with the message d, in a new epoch,
// behind a hole, or at an offset that another message had. Every page is told
// that there is a gap. It returns what is to be reported.
func (n *Hub) restart(d broker.Delivery) error {
	n.mu.Lock()
	defer n.mu.Unlock()

	broke := fmt.Errorf("pull: log broke after %s, goes on at %s: pages are told of a gap",
		envelope.Cursor{Epoch: n.epoch, Offset: n.history.Last()}, envelope.Cursor{Epoch: d.Epoch, Offset: d.Offset})
	epoch := n.epoch
	if d.Epoch != n.log || d.Offset < n.history.Next() {
		n.watches.rebase(d.Offset - 1)
		epoch = n.epochAfter(d)
	}
	n.begin(d.Epoch, epoch, d.Offset)
	n.callRoll(time.Now())
	clear(n.ending)
	for _, s := range n.roster.all {
		s.behind, s.last = false, n.history.Last()
		n.greet(s, false)
	}
	n.stats.gaps.Add(uint64(len(n.roster.all)))
	return broke
}

// epochAfter names the log that begins with a message. Where the broker has not
// given it another name, the message does, on every node the same: old cursors
// mean nothing any more.
func (n *Hub) epochAfter(d broker.Delivery) string {
	if d.Epoch != n.log {
		return d.Epoch
	}
	h := fnv.New64a()
	_, _ = h.Write(d.Raw[:min(len(d.Raw), envelope.HeaderBytes)])
	return d.Epoch + "~" + strconv.FormatUint(h.Sum64(), 36)
}
