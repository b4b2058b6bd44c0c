package pull_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/echo-pull/pull"
)

// A world is an application: on one node that is restarted and crashes, or on
// several nodes that share a broker with faults.
type world struct {
	name, network string
	nodes         int // 0 is one node, with the embedded broker and a state file
	crowd         int // pages
	seed          uint64

	t       *testing.T
	file    string
	faults  *faults
	log     modelLog
	pages   []*modelPage
	number  atomic.Uint64 // of the last event
	sent    sync.Map      // event number → true once Send has returned nil for it
	current [2]atomic.Pointer[modelNode]
	quiet   atomic.Bool   // nothing breaks any more
	over    atomic.Bool   // the test has failed, so pages stop
	end     atomic.Uint64 // offset of the last event
}

const (
	modelUsers = 12
	modelTags  = 5
)

func (w *world) live(t *testing.T) {
	w.t, w.file = t, filepath.Join(t.TempDir(), "state")
	w.log.epochs = make(map[string]map[uint64]modelEntry)
	if w.nodes > 0 {
		w.faults = newFaults()
	}
	for i := range max(1, w.nodes) {
		w.current[i].Store(w.open(i))
	}
	ctx, cancel := context.WithTimeout(t.Context(), *modelLong)
	defer cancel()
	var busy, readers sync.WaitGroup
	for i := range w.crowd {
		p := &modelPage{
			world: w, number: i, chance: w.chance(1000 + i), events: i%4 == 3, native: i%8 == 7,
			user: strconv.Itoa(i % modelUsers), client: "page-" + strconv.Itoa(i),
		}
		if i == w.crowd-1 {
			p.user = ""
		}
		w.pages = append(w.pages, p)
		readers.Go(p.live)
	}
	for i := range 4 {
		busy.Go(func() { w.publish(ctx, w.chance(i)) })
	}
	busy.Go(func() { w.watch(ctx, w.chance(10)) })
	w.breakThings(ctx, w.chance(20))
	busy.Wait()
	w.quiet.Store(true)
	w.finish()
	patience := time.AfterFunc(60*time.Second, func() {
		for _, p := range w.pages {
			if !p.done.Load() {
				t.Errorf("%s: has not reached the end at %d: %s", p, w.end.Load(), p.state())
			}
		}
		w.over.Store(true)
	})
	readers.Wait()
	patience.Stop()
	for i := range max(1, w.nodes) {
		w.close(w.current[i].Load(), false)
	}
	w.compare()
}

func (w *world) chance(i int) *rand.Rand { return rand.New(rand.NewPCG(w.seed, uint64(i))) }

func (w *world) node(r *rand.Rand) *modelNode { return w.current[r.IntN(max(1, w.nodes))].Load() }

// breakThings causes restarts, crashes and faults until ctx ends.
func (w *world) breakThings(ctx context.Context, r *rand.Rand) {
	for {
		select {
		case <-time.After(time.Duration(100+r.IntN(500)) * time.Millisecond * time.Duration(max(1, w.nodes))):
		case <-ctx.Done():
			return
		}
		n := w.node(r)
		switch {
		case w.faults == nil:
			w.close(n, r.IntN(4) == 0)
			w.current[0].Store(w.open(0))
		case r.IntN(3) == 0:
			w.close(n, false)
			w.current[n.number].Store(w.open(n.number))
		case r.IntN(2) == 0:
			w.faults.set(func(f *faults) { f.acks = 1 + r.IntN(2) })
		default:
			w.faults.interrupt()
		}
	}
}

// finish sends the event that ends the test for every page.
func (w *world) finish() {
	for {
		err := w.node(w.chance(30)).Send(context.Background(), pull.Shared(), event("end", modelParams{Number: w.number.Add(1), To: []modelTerm{{Shared: true}}}))
		if err == nil {
			return
		}
		w.t.Logf("end: %v", err)
	}
}
