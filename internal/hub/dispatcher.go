package hub

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/signal"
)

const (
	inboxMessages = 8_192 // deliveries that may wait for the dispatcher
	parallelPages = 128   // number of pages from which on the workers help
	stridePages   = 32    // pages that a worker takes at a time
	spareBundles  = 1_024 // bundles kept for the next batches
)

// A Dispatcher takes what the broker delivers and gives it to the pages at its
// address: it applies a batch, encodes each bundle once, and delivers. What
// arrives meanwhile is the next batch, so that under load messages share frames
// and system calls.
type Dispatcher struct {
	hub *Hub

	mu      sync.Mutex // guards inbox
	inbox   []broker.Delivery
	ready   chan struct{} // the inbox is not empty
	emptied chan struct{} // the inbox has room again

	// Owned by the goroutine that calls Dispatch; the workers read job while they
	// help.
	own     worker        // delivers on the dispatcher's goroutine
	Workers int           // number of goroutines that run Work
	jobs    chan struct{} // one value for each worker and job
	job     []*Page       // pages to deliver to
	next    atomic.Int64  // index of the next page of the job
	done    sync.WaitGroup
}

// NewDispatcher returns a dispatcher for a hub. The caller runs Work on as many
// goroutines as there are workers.
func NewDispatcher(h *Hub, workers int) *Dispatcher {
	return &Dispatcher{
		hub: h, Workers: workers,
		ready: make(chan struct{}, 1), emptied: make(chan struct{}, 1),
		jobs: make(chan struct{}),
	}
}

// Accept puts a delivery of the broker into the inbox. It blocks while the
// inbox is full, until ctx ends.
func (d *Dispatcher) Accept(ctx context.Context, m broker.Delivery) {
	for !d.offer(m) {
		select {
		case <-d.emptied:
		case <-ctx.Done():
			return
		}
	}
}

// offer puts a delivery into the inbox unless it is full.
func (d *Dispatcher) offer(m broker.Delivery) bool {
	d.mu.Lock()
	defer d.mu.Unlock()

	if len(d.inbox) >= inboxMessages {
		return false
	}
	d.inbox = append(d.inbox, m)
	signal.Send(d.ready)
	return true
}

// Run dispatches accepted deliveries until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) {
	var batch []broker.Delivery
	for {
		d.mu.Lock()
		batch, d.inbox = d.inbox, batch[:0]
		d.mu.Unlock()

		if len(batch) > 0 {
			signal.Send(d.emptied)
			d.Dispatch(batch)
			clear(batch)
			continue
		}
		select {
		case <-d.ready:
		case <-ctx.Done():
			return
		}
	}
}

// Dispatch applies a batch of the log and delivers it to the pages. Calls must
// not overlap.
func (d *Dispatcher) Dispatch(batch []broker.Delivery) {
	for len(batch) > 0 {
		began := d.now()
		round, n, broken := d.hub.apply(batch)
		d.deliver(round)
		if len(round.traces) > 0 {
			d.hub.config.Deliver(began, round.traces, len(round.touched)+len(round.lagging))
		}
		for _, err := range round.errs {
			d.hub.config.Report(err)
		}
		round.reset()
		if broken {
			d.hub.config.Report(d.hub.restartLog(batch[n]))
		}
		batch = batch[n:]
	}
}

// now returns the time if there is a tracer that needs it.
func (d *Dispatcher) now() time.Time {
	if d.hub.config.Deliver == nil {
		return time.Time{}
	}
	return time.Now()
}

// deliver gives the pages what a round has for them.
func (d *Dispatcher) deliver(r *round) {
	for _, b := range r.bundles {
		b.encode()
		if b.open {
			d.hub.deflater.Deflate(&b.frame)
		}
	}
	if len(r.touched) < parallelPages || d.Workers == 0 {
		d.own.deliver(r.touched)
	} else {
		d.deliverParallel(r.touched)
	}
	d.hub.stats.deliveries.Add(d.own.takeCount())
	d.hub.measureFirstWrites(r)
	for _, p := range d.hub.settle(r) {
		p.CloseNow(conn.Disconnect, "disconnected")
	}
	for _, p := range r.over {
		p.CloseNow(conn.SessionOver, sessionOver)
	}
	if len(r.followed) > 0 {
		d.hub.config.Publish(envelope.Control(envelope.KindDone, time.Now(), r.followed...))
	}
}

// deliverParallel shares a job with the workers and waits for them: the next
// batch must not overtake this one.
func (d *Dispatcher) deliverParallel(pages []*Page) {
	d.job = pages
	d.next.Store(0)
	d.done.Add(d.Workers)
	for range d.Workers {
		d.jobs <- struct{}{}
	}
	d.help(&d.own)
	d.done.Wait()
	d.job = nil
}

// Close ends the workers. The caller must not dispatch afterwards.
func (d *Dispatcher) Close() { close(d.jobs) }

// Work helps with large jobs until the dispatcher is closed.
func (d *Dispatcher) Work() {
	var w worker
	for range d.jobs {
		d.help(&w)
		d.hub.stats.deliveries.Add(w.takeCount())
		d.done.Done()
	}
}

// help works on the job until no pages are left. It yields the processor
// between strides. Otherwise a goroutine with something to send would wait for
// the end of the job, and send it alone instead of together with what arrives
// meanwhile.
func (d *Dispatcher) help(w *worker) {
	for ; ; runtime.Gosched() {
		end := int(d.next.Add(stridePages))
		start := end - stridePages
		if start >= len(d.job) {
			return
		}
		w.deliver(d.job[start:min(end, len(d.job))])
	}
}

// settle records that every page has been given what is for it up to the last
// message, and does what had to wait for that. It returns the pages of users
// whom another node has disconnected.
func (h *Hub) settle(r *round) []*Page {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.settled = h.history.Last()
	h.wakeWaiting()
	for _, p := range r.early {
		p.early = false
	}
	for _, p := range r.gapped {
		h.sendGap(p, startGrant) // the rest of a replay is part of the gap
	}
	h.stats.gaps.Add(startGrant.cause(), uint64(len(r.gapped)))
	for _, p := range r.lagging {
		p.CatchUp()
	}
	var pages []*Page
	for _, user := range r.disconnected {
		pages = append(pages, h.roster.ban(user, time.Now(), h.history.Last())...)
	}
	return pages
}
