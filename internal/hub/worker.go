package hub

import (
	"slices"

	"github.com/echo-pull/pull/internal/conn"
)

// A worker delivers bundles to pages on one goroutine.
type worker struct {
	offering conn.Nonblocking
	bundles  []*bundle                   // the bundles that were last merged …
	merged   [conn.FormCount]*conn.Frame // … into a frame in each form that was needed
	count    uint64                      // deliveries since the last takeCount
}

// deliver delivers to each page the bundles that it is due.
func (w *worker) deliver(pages []*Page) {
	for _, p := range pages {
		switch due := dueNow(p); len(due) {
		case 0:
		case 1:
			p.Deliver(&w.offering, &due[0].frame)
		default:
			p.Deliver(&w.offering, w.merge(due, p.Form()))
		}
		for _, b := range p.due {
			b.written()
		}
		clear(p.due)
		p.due = p.due[:0]
	}
	w.count += uint64(len(pages))
}

// dueNow returns the bundles that a page is due. A page that has much to read misses
// messages of pages, and so does one that gets many of them at once: they leave p.due.
func dueNow(p *Page) []*bundle {
	if !slices.ContainsFunc(p.due, func(b *bundle) bool { return b.relay }) {
		return p.due
	}
	spare := p.Spare()
	p.due = slices.DeleteFunc(p.due, func(b *bundle) bool {
		if !b.relay || spare < 0 {
			return b.relay
		}
		spare -= b.frame.Size(p.Form())
		return false
	})
	return p.due
}

// merge returns one frame for several bundles, in the form of a page. Neighbouring
// pages often have the same ones, so it keeps the last results.
func (w *worker) merge(bundles []*bundle, form conn.Form) *conn.Frame {
	if !slices.Equal(w.bundles, bundles) {
		w.bundles = append(w.bundles[:0], bundles...)
		clear(w.merged[:])
	}
	if w.merged[form] == nil {
		w.merged[form] = mergeFrames(bundles, form)
	}
	return w.merged[form]
}

// takeCount returns the number of deliveries since the last call, and drops
// what the worker has kept of the job.
func (w *worker) takeCount() uint64 {
	n := w.count
	clear(w.bundles)
	clear(w.merged[:])
	w.bundles, w.count = w.bundles[:0], 0
	return n
}
