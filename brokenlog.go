package pull

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"time"
)

// A delivery is a message as the broker hands it over.
type delivery struct {
	epoch  string
	offset uint64
	raw    []byte
}

// maxOffset is the largest offset that a page can hold: 2⁵³ − 1, the largest
// integer of JavaScript up to which all are exact.
const maxOffset = 1<<53 - 1

// check returns in what the broker broke its contract.
func (d *delivery) check() error {
	if d.offset == 0 || d.offset > maxOffset {
		return fmt.Errorf("broker broke its contract: offset %d", d.offset)
	}
	if err := checkIDs("epoch", []string{d.epoch}); err != nil {
		return fmt.Errorf("broker broke its contract: %w", err)
	}
	return nil
}

// isNew tells whether a message lies at an offset at which something else was
// before: the log went back within its epoch. The names of messages tell.
func (n *node) isNew(d *delivery) bool {
	e, err := open(d.raw)
	if err != nil {
		return false
	}
	p := n.presence.peers[string(e.node)]
	return p == nil || e.seq > p.seq
}

// restart begins again after the log broke: with the message d, in a new epoch,
// behind a hole, or at an offset that another message had. Every page is told
// that there is a gap.
func (n *node) restart(d delivery) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.problem(fmt.Errorf("pull: log broke after %s, goes on at %s: pages are told of a gap",
		cursor{n.epoch, n.history.last()}, cursor{d.epoch, d.offset}))
	epoch := n.epoch
	if d.epoch != n.log || d.offset < n.history.next {
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
	_, _ = h.Write(d.raw[:min(len(d.raw), headerBytes)])
	return d.epoch + "~" + strconv.FormatUint(h.Sum64(), 36)
}
