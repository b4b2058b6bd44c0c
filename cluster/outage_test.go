package cluster_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/cluster/engines"
	"github.com/echo-pull/pull/internal/modeltest"
)

// flap is how soon an engine must fail again for one outage.
const flap = 2 * time.Second

// seeOutage kills the engine, and once more when a node has just reached it again.
func seeOutage(t *testing.T, e engines.Engine, s *engines.Server, nodes []*process) {
	pages := []*tab{nodes[0].connect(t, "", login("1", "ann")), nodes[1].connect(t, "", login("2", "bob"))}
	defer closeAll(pages...)
	a, b := settled(t, nodes, func(a, b pull.Stats) bool { return a.Nodes == 2 && b.Nodes == 2 })
	late, err := startWaiting(e, s.Address, patient)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(late.kill)

	began := time.Now()
	do(t, s.Kill)
	during := make(chan int, 1)
	go func() {
		status, _ := nodes[0].post(t, "/events", duringOutage, service("application/json", "during"))
		during <- status
	}()
	nodes[0].becomes(t, http.StatusServiceUnavailable, "pull: the ")
	nodes[1].becomes(t, http.StatusServiceUnavailable, "pull: the ")
	do(t, late.proceed)
	late.becomes(t, http.StatusServiceUnavailable, "pull: the ")
	if _, status, _ := late.enter(t, "", login("2", "bob")); status != http.StatusServiceUnavailable {
		t.Errorf("a page at a node without a log: status %d, want 503", status)
	}
	lasted := time.Since(began)
	up := time.Now()
	do(t, s.Resume)
	for time.Since(up) < flap*3/4 {
		if status, _ := nodes[0].get(t, "/ready"); status == http.StatusOK {
			break
		}
		<-time.After(5 * time.Millisecond)
	}
	do(t, s.Kill)
	flapped := time.Since(up) < flap
	do(t, s.Resume)

	all := append(slices.Clone(nodes), late)
	for _, n := range all {
		n.becomes(t, http.StatusOK, "ok")
	}
	awaitBack(t, all)
	t.Logf("the engine was away for %s; it failed again at once: %t", lasted.Round(time.Millisecond), flapped)
	for i, n := range all {
		checkOutage(t, i, n, flapped)
	}
	if status := <-during; status != http.StatusOK {
		nodes[0].publishUntil(t, "during", duringOutage)
	}
	nodes[0].publish(t, "1", "outage-over")
	nodes[0].publish(t, "2", "outage-over")
	after := []pull.Stats{nodes[0].stats(t), nodes[1].stats(t)}
	for i, p := range pages {
		names, gaps := p.upTo(t, "tasks:outage-over")
		if n := count(names, "tasks:during"); n != 1 && gaps == 0 {
			t.Errorf("page %d got the event of the outage %d times", i, n)
		}
		if told := after[i].Gaps - []pull.Stats{a, b}[i].Gaps; told != gaps || gaps > 0 && e.Name != "redis" {
			t.Errorf("page %d was notified of %d gaps, and the node has counted %d", i, gaps, told)
		}
	}
	if after[0].PublishFailures <= a.PublishFailures || after[0].PublishRetries <= a.PublishRetries {
		t.Errorf("got %d failures and %d retries, want more than %d and %d", after[0].PublishFailures, after[0].PublishRetries, a.PublishFailures, a.PublishRetries)
	}
	if lag := after[0].LogLag.Sum - a.LogLag.Sum; lag < lasted.Seconds()*.9 {
		t.Errorf("the log's lag is %.3f s more, want at least that of the event of the outage, %s", lag, lasted)
	}
	if err := late.Stop(); err != nil {
		t.Error(err)
	}
}

const duringOutage = `{"target":{"users":["1","2"]},"event":{"module":"tasks","command":"during"}}`

func do(t *testing.T, f func() error) {
	t.Helper()
	if err := f(); err != nil {
		t.Fatal(err)
	}
}

func count(names []string, name string) (n int) {
	for _, other := range names {
		if other == name {
			n++
		}
	}
	return n
}

// upTo returns the names of the events before the last one, and how often the page was
// notified of a gap.
func (p *tab) upTo(t *testing.T, last string) (names []string, gaps uint64) {
	t.Helper()
	for {
		raw, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		var m controlMessage
		if a, isEvent := parseArrival(raw); !isEvent {
			if json.Unmarshal(raw, &m) == nil && m.Command == "hello" && !m.Params.Recovered {
				gaps++
			}
		} else if a.Name == last {
			return names, gaps
		} else {
			names = append(names, a.Name)
		}
	}
}

// awaitBack publishes with each node until it has logged that its broker is back.
func awaitBack(t *testing.T, nodes []*process) {
	t.Helper()
	for i, n := range nodes {
		eventually(t, func() string {
			n.publishUntil(t, "", batch("traffic", 1))
			if lost, back := n.logged("pull: the broker is lost"), n.logged("pull: the broker is back"); len(lost) != len(back) {
				return fmt.Sprintf("node %d has logged\n%s", i, &n.stderr)
			}
			return ""
		})
	}
}

// checkOutage checks what a node has logged about the outage.
func checkOutage(t *testing.T, i int, n *process, flapped bool) {
	t.Helper()
	lost, back := n.logged("pull: the broker is lost"), n.logged("pull: the broker is back")
	parts := make(map[string]int)
	for _, l := range lost {
		parts[l.Part]++
		if flapped && parts[l.Part] > 1 {
			t.Errorf("node %d has logged the beginning of one outage twice: %+v", i, lost)
		}
	}
	for _, l := range back {
		if parts[l.Part]--; parts[l.Part] < 0 {
			t.Errorf("node %d has logged %+v and %+v", i, lost, back)
		}
	}
	if len(lost) == 0 && i < 2 { // for a node that starts, the log may be one that is not reached yet
		t.Errorf("node %d has logged no outage: %s", i, &n.stderr)
	}
}

// seeOtherLog replaces the log.
func seeOtherLog(t *testing.T, s *engines.Server, nodes []*process) {
	pages := []*tab{nodes[0].connect(t, "", login("1", "ann")), nodes[0].connect(t, "", login("1", "ann")), nodes[1].connect(t, "", login("2", "bob"))}
	defer closeAll(pages...)
	a, b := settled(t, nodes, func(a, b pull.Stats) bool { return a.Sessions == 2 && b.Sessions == 1 })
	old := pages[2].at()

	loss := s.Faults[slices.IndexFunc(s.Faults, func(f modeltest.Fault) bool { return f.Loses })]
	if err := loss.Happen(rand.New(rand.NewPCG(1, 1))); err != nil {
		t.Fatal(err)
	}
	for i, n := range nodes {
		n.publishUntil(t, "replaced-"+strconv.Itoa(i), batch("new", 1))
	}
	afterA, afterB := settled(t, nodes, func(after, _ pull.Stats) bool { return after.Epoch != a.Epoch })
	nodes[0].publish(t, "1", "replaced")
	nodes[0].publish(t, "2", "replaced")
	for i, p := range pages {
		if _, gaps := p.upTo(t, "tasks:replaced"); gaps != 1 {
			t.Errorf("page %d was notified of %d gaps, want 1", i, gaps)
		}
	}
	if got := []uint64{afterA.GapsBy["broken_log"] - a.GapsBy["broken_log"], afterB.GapsBy["broken_log"] - b.GapsBy["broken_log"]}; !slices.Equal(got, []uint64{2, 1}) {
		t.Errorf("the nodes have counted %d gaps of the broken log, want 2 and 1", got)
	}

	back := nodes[1].connect(t, "cursor="+old, login("2", "bob"))
	defer closeAll(back)

	if got := nodes[1].stats(t).GapsBy["epoch"] - b.GapsBy["epoch"]; back.hello.Params.Recovered || got != 1 {
		t.Errorf("a page of the log before: recovered %t, %d gaps, want 1", back.hello.Params.Recovered, got)
	}
}

// seeEnd stops the nodes and compares their logs with what they have counted.
func seeEnd(t *testing.T, e engines.Engine, nodes []*process) {
	for i, n := range nodes {
		counted := n.stats(t)
		do(t, n.Stop)

		started, stopped := n.logged("pull: started"), n.logged("pull: stopped")
		if len(started) != 1 || len(stopped) != 1 || started[0].Node != counted.Node || stopped[0].Node != counted.Node {
			t.Errorf("node %d has logged %+v and %+v, want one line each", i, started, stopped)
		}
		gaps := make(map[string]uint64)
		for _, l := range n.logged("pull: sessions were notified of a gap") {
			gaps[l.Cause] += l.Count
		}
		for cause, want := range counted.GapsBy {
			if gaps[cause] != want {
				t.Errorf("node %d has logged %d gaps by %s, want %d", i, gaps[cause], cause, want)
			}
		}
		epochs := n.logged("pull: the log has a new epoch")
		for j, l := range epochs {
			if l.From == l.To || j > 0 && l.From != epochs[j-1].To {
				t.Errorf("node %d has logged the epochs %+v", i, epochs)
			}
		}
		if len(epochs) == 0 || len(epochs) > 1 && e.Name != "redis" || epochs[len(epochs)-1].To != counted.Epoch {
			t.Errorf("node %d has logged the epochs %+v, want one line, up to %s", i, epochs, counted.Epoch)
		}
	}
}
