package inspect

import (
	"bytes"
	"context"
	"html/template"
	"time"

	"github.com/echo-pull/pull/internal/fragment"
)

// patience is how long the counters are sampled after the page was requested, if it
// does not connect: a page without JavaScript can be loaded again.
const patience = 30 * time.Second

// look makes sure that the counters are sampled while somebody looks.
func (i *Inspector) look(now time.Time) {
	i.mu.Lock()
	i.viewed = now
	start := !i.sampling
	i.sampling = true
	i.mu.Unlock()

	if start && !i.engine.Background(i.sample) {
		i.forget() // the engine shuts down
	}
}

// sample takes samples, and shows them on the pages, until nobody looks or ctx ends.
func (i *Inspector) sample(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	i.take(time.Now())
	for {
		select {
		case <-ctx.Done():
			i.forget()
			return
		case now := <-tick.C:
			pages := i.engine.Watch().Pages(i.tag)
			if pages == 0 && i.forgetUnseen(now) {
				return
			}
			i.take(now)
			if pages > 0 && i.showing.CompareAndSwap(false, true) {
				i.show(ctx, now)
			}
		}
	}
}

// take takes a sample.
func (i *Inspector) take(now time.Time) {
	s := i.engine.Stats()
	i.mu.Lock()
	defer i.mu.Unlock()

	i.samples.add(sampleOf(&s, now))
}

// forget drops the samples, which nobody takes any more.
func (i *Inspector) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()

	i.samples, i.sampling = ring{}, false
}

// forgetUnseen is forget, unless the page was requested a moment ago. It reports
// whether it has dropped the samples.
func (i *Inspector) forgetUnseen(now time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()

	if now.Sub(i.viewed) < patience {
		return false
	}
	i.samples, i.sampling = ring{}, false
	return true
}

// show sends what is live to the pages, on whichever nodes they are connected. An update
// that the log cannot take is left out, as those are while one waits for the log: the next
// one shows all that they would have shown.
func (i *Inspector) show(ctx context.Context, now time.Time) {
	var b bytes.Buffer
	err := views().ExecuteTemplate(&b, "live", i.current(now))
	if err == nil {
		err = i.engine.Show(ctx, i.tag, fragment.Fragment{
			Selector: "#pull-live", Swap: fragment.Inner,
			HTML: template.HTML(b.String()), //nolint:gosec // a template has escaped it
		}, 2*sampleEvery, func() { i.showing.Store(false) })
	}
	if err != nil {
		i.showing.Store(false)
		i.engine.Report(err)
	}
}
