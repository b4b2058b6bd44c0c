package modeltest

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// endNodes ends nodes, as planned or by a crash, and starts them again, until ctx
// ends.
func (w *World) endNodes(ctx context.Context, r *rand.Rand) {
	for w.quietly(ctx, r) {
		numbers := []int{r.IntN(w.Nodes)}
		if r.IntN(8) < w.Crashes {
			if r.IntN(3) == 0 { // all, so that pages cannot go elsewhere
				numbers = r.Perm(w.Nodes)
			}
			for _, i := range numbers {
				w.crash(w.nodes[i].Load())
			}
		} else {
			w.healthy.Lock() // what waits in a node cannot leave it while the log is down
			w.stops.Add(1)
			w.stop(w.nodes[numbers[0]].Load())
			w.healthy.Unlock()
		}
		for _, i := range numbers {
			w.open(i)
		}
	}
}

// causeFaults lets faults of the log happen until ctx ends.
func (w *World) causeFaults(ctx context.Context, r *rand.Rand) {
	for len(w.Faults) > 0 && w.quietly(ctx, r) {
		w.happen(&w.Faults[r.IntN(len(w.Faults))], r)
	}
}

func (w *World) happen(f *Fault, r *rand.Rand) {
	w.healthy.Lock()
	defer w.healthy.Unlock()

	began := time.Now()
	w.trouble.Store(math.MaxInt64)
	defer func() { w.trouble.Store(time.Now().UnixNano()) }()
	if err := f.Happen(r); err != nil {
		w.t.Errorf("%s: %v", f.Name, err)
	}
	if f.Loses {
		w.losses.Add(1)
	}
	if f.Renews {
		w.renewed.Add(1)
	}
	w.t.Logf("%s, for %s", f.Name, time.Since(began).Round(time.Millisecond))
}

// A gap is one that left the epoch of a page as it was.
type gap struct {
	page   *page
	cursor string // with which the page had connected
	offset uint64 // that of the hello
}

// gapWithin records a gap that left the epoch as it was, though the window holds
// everything. It is allowed for a page that moves to a node which has not read as
// far as the page, because the log was down. Otherwise compare checks it.
func (w *World) gapWithin(p *page, offset uint64, cursor string) {
	const recovery = 10 * time.Second // longer than a node takes to notice that the log is back
	if until := w.trouble.Load(); until != math.MaxInt64 && time.Since(time.Unix(0, until)) > recovery {
		w.gapsLock.Lock()
		w.gaps = append(w.gaps, gap{p, cursor, offset})
		w.gapsLock.Unlock()
		return
	}
	w.t.Logf("%s: gap at %d in its epoch, connected with %q", p, offset, cursor)
}

// quietly lets some time pass. It reports whether the world goes on.
func (w *World) quietly(ctx context.Context, r *rand.Rand) bool {
	select {
	case <-time.After(time.Duration(100+r.IntN(500)) * time.Millisecond * time.Duration(min(w.Nodes, 2))):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// open starts a node. It tries for as long as a log may be down.
func (w *World) open(i int) {
	for end := time.Now().Add(30 * time.Second); ; {
		n, err := w.Open(w, i)
		if err == nil {
			w.nodes[i].Store(n)
			return
		}
		if time.Now().After(end) {
			w.t.Errorf("start of node %d: %v", i, err)
			return
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (w *World) stop(n *Node) {
	began := time.Now()
	if err := n.Stop(); err != nil {
		w.t.Errorf("end of a node: %v", err)
	}
	w.ended(n, began)
}

func (w *World) crash(n *Node) {
	w.crashes.Add(1)
	if w.CrashesLose {
		defer w.losses.Add(1)
	}
	began := time.Now()
	n.Crash()
	w.ended(n, began)
}

func (w *World) ended(n *Node, began time.Time) {
	if took := time.Since(began); took > 15*time.Second {
		w.t.Errorf("the end of a node took %s", took)
	}
	n.Client.CloseIdleConnections()
}
