package pull

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// A delivery is a message as the broker hands it over.
type delivery struct {
	epoch  string
	offset uint64
	raw    []byte
}

// check returns in what the broker broke its contract.
func (d *delivery) check() error {
	if d.offset == 0 || d.offset > envelope.MaxOffset {
		return fmt.Errorf("broker broke its contract: offset %d", d.offset)
	}
	if err := envelope.CheckIDs("epoch", []string{d.epoch}); err != nil {
		return fmt.Errorf("broker broke its contract: %w", err)
	}
	return nil
}

// isNew tells whether a message lies at an offset at which something else was
// before: the log went back within its epoch. The names of messages tell.
func (n *node) isNew(d *delivery) bool {
	e, err := envelope.Parse(d.raw)
	if err != nil {
		return false
	}
	p := n.presence.peers[string(e.Node)]
	return p == nil || e.Seq > p.seq
}

// restart begins again after the log broke: with the message d, in a new epoch,
// behind a hole, or at an offset that another message had. Every page is told
// that there is a gap.
func (n *node) restart(d delivery) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.problem(fmt.Errorf("pull: log broke after %s, goes on at %s: pages are told of a gap",
		envelope.Cursor{Epoch: n.epoch, Offset: n.history.last()}, envelope.Cursor{Epoch: d.epoch, Offset: d.offset}))
	epoch := n.epoch
	if d.epoch != n.log || d.offset < n.history.next() {
		n.watches.rebase(d.offset - 1)
		epoch = n.epochAfter(d)
	}
	n.begin(d.epoch, epoch, d.offset)
	n.callRoll(time.Now())
	clear(n.ending)
	for _, s := range n.all {
		s.behind, s.last = false, n.history.last()
		n.greet(s, false)
	}
	n.stats.gaps.Add(uint64(len(n.all)))
}

// epochAfter names the log that begins with a message. Where the broker has not
// given it another name, the message does, on every node the same: old cursors
// mean nothing any more.
func (n *node) epochAfter(d delivery) string {
	if d.epoch != n.log {
		return d.epoch
	}
	h := fnv.New64a()
	_, _ = h.Write(d.raw[:min(len(d.raw), envelope.HeaderBytes)])
	return d.epoch + "~" + strconv.FormatUint(h.Sum64(), 36)
}
