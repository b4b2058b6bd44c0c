package hub

import (
	"math"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/window"
)

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
	over         []*Page   // pages to close because their session is over
	followed     []string  // commands of other nodes that this one has followed then
	errs         []error   // to report without the lock: the application may then call the plugin
	own          int       // bytes of the variants
	traces       []string  // of the events, if there is a tracer

	at       time.Duration // when the batch was taken, as clock returns it
	handed   bool          // the message that is being applied is the last one of a batch of this node …
	handedAt time.Duration // … which was handed over at this time
	timed    []timed       // bundles whose first write is measured
}

// variantBytes bounds the variants of a round, of which each is a frame for few pages. A
// round ends with the message that exceeds it.
const variantBytes = 16 << 20

// maxTraces bounds the traces of a round.
const maxTraces = 128

// trace adds the trace of an event, once.
func (r *round) trace(trace []byte) {
	if len(r.traces) < maxTraces && !slices.Contains(r.traces, string(trace)) {
		r.traces = append(r.traces, string(trace))
	}
}

// newBundle begins a bundle with a message of a log. A bundle with the address nil
// takes no further messages.
func (r *round) newBundle(epoch string, to []byte, m *window.Message) *bundle {
	b := r.emptyBundle()
	b.addr, b.frame.Epoch, b.personal, b.until = to, epoch, personalOf(m), math.MaxInt64
	b.add(m, false)
	return b
}

// emptyBundle adds a bundle without messages.
func (r *round) emptyBundle() *bundle {
	var b *bundle
	if last := len(r.spare) - 1; last >= 0 {
		b, r.spare = r.spare[last], r.spare[:last]
	} else {
		b = new(bundle)
	}
	r.bundles = append(r.bundles, b)
	return b
}

// lastBundle returns the newest bundle that is not a variant, or nil.
func (r *round) lastBundle() *bundle {
	if len(r.bundles) == 0 {
		return nil
	}
	b := r.bundles[len(r.bundles)-1]
	if b.base != nil {
		return b.base
	}
	return b
}

// extend adds a message to a bundle, and to its variants.
func (r *round) extend(b *bundle, m *window.Message, secret bool) {
	b.add(m, secret)
	for _, v := range b.variants {
		v.add(m, secret)
		r.own += len(m.Body()) + v.variant.size()
	}
}

// inVariant returns the bundle with the messages of b, which has just begun, in a variant.
// Pages that follow one another often have the same one.
func (r *round) inVariant(b *bundle, v variant) *bundle {
	if last := len(b.variants) - 1; last >= 0 && b.variants[last].variant.equal(&v) {
		return b.variants[last]
	}
	own := r.emptyBundle()
	own.base, own.variant, own.open, own.relay, own.frame.Epoch = b, v, b.open, b.relay, b.frame.Epoch
	for i := range b.messages {
		own.add(&b.messages[i], false)
	}
	r.own += own.bodies
	b.variants = append(b.variants, own)
	return own
}

// assign gives a bundle to a page. A page that matches the target in several
// ways gets it once.
func (r *round) assign(p *Page, b *bundle) {
	if len(p.due) == 0 {
		r.touched = append(r.touched, p)
	} else if last := p.due[len(p.due)-1]; last == b || last.base == b {
		return
	}
	if !b.personal.isShared() {
		if v := b.personal.variant(p); !v.isShared() {
			b = r.inVariant(b, v)
		}
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
	clear(r.traces)
	clear(r.timed)
	*r = round{
		touched: r.touched[:0], bundles: r.bundles[:0], spare: r.spare,
		early: r.early[:0], gapped: r.gapped[:0], lagging: r.lagging[:0], traces: r.traces[:0], timed: r.timed[:0],
	}
}
