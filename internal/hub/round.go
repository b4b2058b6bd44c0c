package hub

import "github.com/echo-pull/pull/internal/window"

// A round is what a batch of the log leaves to do once the lock is released.
// The hub fills it; the dispatcher works through it and empties it for the next
// batch.
type round struct {
	touched      []*Page // pages with bundles
	bundles      []*bundle
	spare        []*bundle // for reuse
	early        []*Page   // pages with early set
	gapped       []*Page   // pages to notify of a gap
	lagging      []*Page   // pages that have to catch up
	disconnected []string  // users whom another node has disconnected
	errs         []error   // to report without the lock: the application may then call the plugin
}

// newBundle begins a bundle of messages of a log. A bundle with the address nil
// takes no further messages.
func (r *round) newBundle(epoch string, to []byte, m *window.Message) *bundle {
	var b *bundle
	if last := len(r.spare) - 1; last >= 0 {
		b, r.spare = r.spare[last], r.spare[:last]
	} else {
		b = new(bundle)
	}
	b.addr, b.frame.Epoch = to, epoch
	b.add(m)
	r.bundles = append(r.bundles, b)
	return b
}

// lastBundle returns the newest bundle, or nil.
func (r *round) lastBundle() *bundle {
	if len(r.bundles) == 0 {
		return nil
	}
	return r.bundles[len(r.bundles)-1]
}

// assign gives a bundle to a page. A page that matches the target in several
// ways gets it once.
func (r *round) assign(p *Page, b *bundle) {
	if len(p.due) == 0 {
		r.touched = append(r.touched, p)
	} else if p.due[len(p.due)-1] == b {
		return
	}
	p.due = append(p.due, b)
	b.forms = b.forms.With(p.Form())
}

// reset empties the round and keeps its capacity.
func (r *round) reset() {
	for _, b := range r.bundles {
		b.reset()
	}
	r.spare = append(r.spare, r.bundles...)[:min(spareBundles, len(r.spare)+len(r.bundles))]
	clear(r.touched)
	clear(r.early)
	clear(r.gapped)
	clear(r.lagging)
	*r = round{
		touched: r.touched[:0], bundles: r.bundles[:0], spare: r.spare,
		early: r.early[:0], gapped: r.gapped[:0], lagging: r.lagging[:0],
	}
}
