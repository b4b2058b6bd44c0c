package modeltest

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
)

// A World is an application on one or more nodes, its pages and its faults. Set
// the exported fields and call Live once.
type World struct {
	// Open starts a node. It is called again after the node has ended, until it
	// returns no error.
	Open func(w *World, number int) (*Node, error)

	// Log is what the record is taken from, if the nodes are other processes.
	// Default: the nodes record what they get, see [World.Record].
	Log broker.Broker

	// Nodes is how many nodes there are. Default 1.
	Nodes int

	// Pages is how many pages there are. Default 40.
	Pages int

	// Sockets has all pages use WebSocket. Default: every fourth uses Server-Sent
	// Events, and every eighth a stream of HTML.
	Sockets bool

	// Calm has pages read as fast as they can and stay connected as long as
	// their node lives. Default: they stop reading for a while, break off, and
	// are loaded again with another watch, at random.
	Calm bool

	// Gapless says that no page may be notified of a gap.
	Gapless bool

	// Mix is to whom the events are.
	Mix Mix

	// Publishers is how many publish at a time. Default 4.
	Publishers int

	// Rate is how many events are published each second. Default: as many as
	// possible, in bursts.
	Rate int

	// Faults are what can happen to the log while nodes and pages live on. One
	// at a time happens.
	Faults []Fault

	// Crashes is how many of 8 nodes that end do so without a farewell.
	// Default 2; negative means none.
	Crashes int

	// CrashesLose says that with a node that crashes the log is lost.
	CrashesLose bool

	// Sessions has pages end their sessions at random: Config.Session of the nodes
	// returns that of [SessionHeader].
	Sessions bool

	// Duration is how long events are published, or longer until a page has received
	// one. Default two seconds.
	Duration time.Duration

	// Seed determines what is drawn at random.
	Seed uint64

	t        testing.TB
	log      record
	pages    []*page
	nodes    []atomic.Pointer[Node]
	number   atomic.Uint64 // of the last event
	gaps     []gap         // that need a reason
	seen     atomic.Int64  // events that pages have received
	said     atomic.Int64  // messages that pages have sent
	heard    atomic.Int64  // messages that pages have received
	sent     sync.Map      // number of an event that is in the log → the value of losses before it was sent
	losses   atomic.Int64  // how often the log was lost
	renewed  atomic.Int64  // how often the log may have got another epoch without a loss
	stops    atomic.Int64  // nodes that ended as planned before the end
	crashes  atomic.Int64
	states   map[string]*atomic.Int64 // how many grants got which state
	gapsLock sync.Mutex               // guards gaps
	healthy  sync.Mutex               // held by a fault of the log, and while a node ends as planned
	trouble  atomic.Int64             // when the last fault of the log was over, in Unix nanoseconds; later than now during one
	calm     atomic.Bool              // nothing breaks any more
	ends     atomic.Int64             // number of events sent that end the test
	finished atomic.Bool              // all but the last of them have arrived
	over     atomic.Bool              // the test has failed, so pages stop
}

// A Fault is something that can happen to the log.
type Fault struct {
	Name  string
	Loses bool // messages may be lost, so the epoch changes

	// Renews says that the epoch may change although nothing is lost: the nodes
	// cannot prove that.
	Renews bool

	// Happen causes the fault and returns when it is over.
	Happen func(r *rand.Rand) error
}

// Live runs the world, and reports as errors what pages have missed, got twice,
// or got though it was not for them.
func (w *World) Live(t testing.TB) {
	w.t, w.log.t = t, t
	w.Nodes, w.Pages = cmp.Or(w.Nodes, 1), cmp.Or(w.Pages, 40)
	w.Crashes, w.Duration = cmp.Or(w.Crashes, 2), cmp.Or(w.Duration, 2*time.Second)
	w.Publishers = cmp.Or(w.Publishers, 4)
	w.Mix = w.Mix.withDefaults()
	w.states = map[string]*atomic.Int64{"ok": new(atomic.Int64), "gap": new(atomic.Int64)}
	w.nodes = make([]atomic.Pointer[Node], w.Nodes)
	for i := range w.Nodes {
		w.open(i)
	}
	stop := w.follow()
	var readers sync.WaitGroup
	for i := range w.Pages {
		w.pages = append(w.pages, w.newPage(i))
	}
	for _, p := range w.pages {
		readers.Go(p.live)
	}
	w.beBusy()
	w.calm.Store(true)
	patience := time.AfterFunc(60*time.Second, w.giveUp)
	w.finish()
	readers.Wait()
	patience.Stop()
	for i := range w.Nodes {
		w.stop(w.nodes[i].Load())
	}
	stop()
	w.compare()
}

// beBusy publishes and breaks things until the time is over.
func (w *World) beBusy() {
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	var busy sync.WaitGroup
	for i := range w.Publishers {
		busy.Go(func() { w.publish(ctx, w.chance(i+100)) })
	}
	busy.Go(func() { w.watch(ctx, w.chance(10)) })
	busy.Go(func() { w.endNodes(ctx, w.chance(20)) })
	busy.Go(func() { w.causeFaults(ctx, w.chance(21)) })
	w.pass()
	cancel()
	busy.Wait()
}

// pass lets the time pass for which events are published. On a machine under load, no
// page may be connected by then.
func (w *World) pass() {
	<-time.After(w.Duration)
	for end := time.Now().Add(30 * time.Second); w.seen.Load() == 0 && time.Now().Before(end); {
		<-time.After(10 * time.Millisecond)
	}
}

func (w *World) newPage(i int) *page {
	p := &page{
		world: w, number: i, chance: w.chance(1000 + i), events: i%4 == 3 && !w.Sockets, native: i%8 == 7 && !w.Sockets, deflates: i%2 == 0,
		user: strconv.Itoa(i % w.Mix.Users), client: "page-" + strconv.Itoa(i),
	}
	p.version = 1 + p.chance.IntN(2)
	if i%8 == 1 && !w.Sockets {
		p.events, p.version, p.html = true, 1, []string{"htmx", "htmx2"}[i/8%2]
	}
	if i == w.Pages-1 || i%8 == 5 || i%24 == 17 {
		p.user = ""
	}
	return p
}

func (w *World) chance(i int) *rand.Rand { return rand.New(rand.NewPCG(w.Seed, uint64(i))) }

func (w *World) node(r *rand.Rand) *Node { return w.nodes[r.IntN(w.Nodes)].Load() }

// finish sends the events that end the test for every page. The first come after what
// broke, the second after the grants of what the pages have loaded since, and the third
// after the gaps of which pages were notified because of those.
func (w *World) finish() {
	for range 3 {
		for i := range w.Nodes {
			w.finishAt(i)
		}
		w.awaitPages()
	}
	w.finished.Store(true)
	for i := range w.Nodes {
		w.finishAt(i)
	}
}

// finishAt sends an event for every page from a node.
func (w *World) finishAt(i int) {
	for !w.over.Load() {
		err := w.nodes[i].Load().operate("/end?first=" + strconv.FormatUint(w.number.Add(1), 10))
		if err == nil {
			w.ends.Add(1)
			return
		}
		w.t.Logf("end: %v", err)
		<-time.After(50 * time.Millisecond)
	}
}

// awaitPages waits until the pages have what was sent so far.
func (w *World) awaitPages() {
	behind := func(p *page) bool { return !p.hasEnd() }
	for !w.over.Load() && slices.ContainsFunc(w.pages, behind) {
		<-time.After(10 * time.Millisecond)
	}
}

// giveUp reports the pages that have not reached the end, and stops them.
func (w *World) giveUp() {
	for _, p := range w.pages {
		if !p.done.Load() {
			w.t.Errorf("%s has not reached the end at %+v: %s", p, w.log.end(0), p.state())
		}
	}
	w.over.Store(true)
}
