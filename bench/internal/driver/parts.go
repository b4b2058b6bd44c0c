package driver

import (
	"context"
	"iter"
	"slices"
)

// A part measures one peer's share of a repetition.
type part struct {
	name    string
	peers   []string // that it measures; all if nil
	once    bool     // in the first repetition only
	measure func(context.Context, tag) error
}

// Parts returns the names of what a driver can measure.
func Parts() []string {
	return []string{"throughput", "phases", "html", "presence", "change", "window", "stalled"}
}

// turns yields all parts of the run, in order.
func (d *Driver) turns() iter.Seq2[tag, part] {
	return func(yield func(tag, part) bool) {
		for repetition := range d.Repetitions {
			turn := repetition % len(d.Peers)
			peers := slices.Concat(d.Peers[turn:], d.Peers[:turn])
			for _, s := range d.shares(peers, repetition) {
				if !yield(tag{d, repetition, s.peer}, s.part) {
					return
				}
			}
		}
	}
}

// A share is what a part measures of one peer.
type share struct {
	part
	peer string
}

func (d *Driver) shares(peers []string, repetition int) []share {
	var all []share
	for _, p := range d.parts() {
		for _, peer := range peers {
			if p.covers(peer, repetition) {
				all = append(all, share{p, peer})
			}
		}
	}
	return all
}

func (p part) covers(peer string, repetition int) bool {
	return (p.peers == nil || slices.Contains(p.peers, peer)) && (!p.once || repetition == 0)
}

// parts returns the parts of a repetition. Measurements with the same number of
// users follow each other, peer by peer. What matters least comes last: the budget
// may end before it.
func (d *Driver) parts() []part {
	var all []part
	each := func(p part, measure func(context.Context, tag, int) error) {
		for _, users := range d.Users {
			p.measure = func(ctx context.Context, t tag) error { return measure(ctx, t, users) }
			all = append(all, p)
		}
	}
	all = append(all, part{name: "window", peers: []string{"pull"}, once: true, measure: d.window})
	each(part{name: "throughput"}, d.throughput)
	each(part{name: "phases", peers: []string{"pull", "pull-sse", "centrifuge", "gws", "raw"}}, d.phases)
	all = append(all, part{name: "html", peers: []string{"pull"}, measure: d.html})
	each(part{name: "presence", peers: []string{"pull", "centrifuge"}, once: true}, d.presence)
	all = append(all,
		part{name: "change", peers: []string{"pull", "centrifuge", "gws"}, once: true, measure: d.change},
		part{name: "stalled", measure: d.stalled},
	)
	return slices.DeleteFunc(all, func(p part) bool { return len(d.Parts) > 0 && !slices.Contains(d.Parts, p.name) })
}
