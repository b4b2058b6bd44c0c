package hub

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/signal"
)

const (
	inboxMessages = 8_192 // deliveries that may wait for the dispatcher
	shareFrom     = 128   // sessions from which on the workers take part
	workerStride  = 32    // sessions that a worker takes at a time
	spareParcels  = 1_024 // kept for the next batches
)

// A Dispatcher takes what the broker delivers and gives it to the sessions at
// its address: apply, encode once, hand over. What arrives while it works is
// its next batch, so that under load messages share frames and system calls.
type Dispatcher struct {
	node *Hub

	mu    sync.Mutex // guards inbox
	inbox []broker.Delivery
	ready chan struct{} // something is in the inbox
	room  chan struct{} // the inbox was emptied

	own     deliverer // works on the dispatcher's goroutine
	Workers int       // goroutines in work
	jobs    chan struct{}
	job     []*Page      // what the workers deliver to
	left    atomic.Int64 // index of the next session of the job
	done    sync.WaitGroup
}

func NewDispatcher(n *Hub, workers int) *Dispatcher {
	return &Dispatcher{
		node: n, Workers: workers,
		ready: make(chan struct{}, 1), room: make(chan struct{}, 1),
		jobs: make(chan struct{}),
	}
}

// Accept takes a delivery of the broker's. It waits while the inbox is full.
func (d *Dispatcher) Accept(ctx context.Context, m broker.Delivery) {
	for !d.offer(m) {
		select {
		case <-d.room:
		case <-ctx.Done():
			return
		}
	}
}

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

// Run dispatches what was accepted until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) {
	var batch []broker.Delivery
	for {
		d.mu.Lock()
		batch, d.inbox = d.inbox, batch[:0]
		d.mu.Unlock()

		if len(batch) > 0 {
			signal.Send(d.room)
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

func (d *Dispatcher) Dispatch(batch []broker.Delivery) {
	for len(batch) > 0 {
		round, n, broken := d.node.apply(batch)
		d.hand(round)
		for _, err := range round.errs {
			d.node.config.Report(err)
		}
		round.reset()
		if broken {
			d.node.config.Report(d.node.restart(batch[n]))
		}
		batch = batch[n:]
	}
}

// hand gives the pages what a round has for them.
func (d *Dispatcher) hand(r *round) {
	for _, p := range r.parcels {
		if p.wanted {
			p.seal()
		}
	}
	if len(r.touched) < shareFrom || d.Workers == 0 {
		d.own.deliver(r.touched)
	} else {
		d.share(r.touched)
	}
	d.node.stats.deliveries.Add(d.own.takeCount())
	for _, s := range d.node.settle(r) {
		s.CloseNow(conn.CloseNotAllowed, "disconnected")
	}
}

// share has the workers help, and waits for them: the next batch must not
// overtake this one.
func (d *Dispatcher) share(pages []*Page) {
	d.job = pages
	d.left.Store(0)
	d.done.Add(d.Workers)
	for range d.Workers {
		d.jobs <- struct{}{}
	}
	d.take(&d.own)
	d.done.Wait()
	d.job = nil
}

// Close lets the workers go; nothing is dispatched any more.
func (d *Dispatcher) Close() { close(d.jobs) }

// Work helps with large jobs until the dispatcher is closed.
func (d *Dispatcher) Work() {
	var c deliverer
	for range d.jobs {
		d.take(&c)
		d.node.stats.deliveries.Add(c.takeCount())
		d.done.Done()
	}
}

// take works on a job. Between strides it lets others run: whoever has
// something to send would else wait for the end of the job, and send it alone
// instead of together with what else comes meanwhile.
func (d *Dispatcher) take(c *deliverer) {
	for ; ; runtime.Gosched() {
		end := int(d.left.Add(workerStride))
		start := end - workerStride
		if start >= len(d.job) {
			return
		}
		c.deliver(d.job[start:min(end, len(d.job))])
	}
}

// settle notes that every page has what is for it up to the last message, and
// does what had to wait for that. It returns the pages of users whom another
// node has disconnected.
func (n *Hub) settle(r *round) []*Page {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.settled = n.history.Last()
	n.signalMove()
	for _, s := range r.gapped {
		s.behind, s.last = false, n.history.Last() // what is left of a replay is part of the gap
		n.greet(s, false)
	}
	n.stats.gaps.Add(uint64(len(r.gapped)))
	for _, s := range r.lagging {
		s.CatchUp()
	}
	var expelled []*Page
	for _, user := range r.expels {
		expelled = append(expelled, n.roster.ban(user, time.Now())...)
	}
	return expelled
}

// A deliverer hands parcels to sessions on one goroutine.
type deliverer struct {
	offering conn.Nonblocking
	parcels  []*draft    // the last ones that were joined …
	joined   *conn.Frame // … into this
	count    uint64
}

func (c *deliverer) deliver(sessions []*Page) {
	for _, s := range sessions {
		f := &s.due[0].frame
		if len(s.due) > 1 {
			f = c.join(s.due)
		}
		s.Deliver(&c.offering, f)
		clear(s.due)
		s.due = s.due[:0]
	}
	c.count += uint64(len(sessions))
}

// join returns one frame for several parcels. Neighbours often have the same ones.
func (c *deliverer) join(parcels []*draft) *conn.Frame {
	if c.joined == nil || !slices.Equal(c.parcels, parcels) {
		c.parcels = append(c.parcels[:0], parcels...)
		c.joined = join(parcels)
	}
	return c.joined
}

func (c *deliverer) takeCount() uint64 {
	n := c.count
	clear(c.parcels)
	c.parcels, c.joined, c.count = c.parcels[:0], nil, 0
	return n
}
