package cluster_test

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/cluster/engines"
)

// patient lets pages be silent, because they wait for other things meanwhile.
const patient = nodeTick + "=25s"

// Two processes on one log, as an operator sees them. The parts share an engine.
func TestNodesAreSeenFromOutside(t *testing.T) {
	eachEngine(t, 0, func(t *testing.T, e engines.Engine, s *engines.Server, _ []*process) {
		nodes := startProcesses(t, e, s.Address, 2, patient)
		for _, n := range nodes {
			n.becomes(t, http.StatusOK, "ok")
		}
		restart := func() (err error) {
			if err := nodes[1].Stop(); err != nil {
				return err
			}
			if nodes[1], err = startProcess(e, s.Address, patient); err == nil {
				t.Cleanup(nodes[1].kill)
			}
			return err
		}
		_ = t.Run("nodes at rest agree", func(t *testing.T) { agree(t, nodes) }) &&
			t.Run("an event is explained on each node", func(t *testing.T) { explainEverywhere(t, nodes) }) &&
			t.Run("a trace crosses the log", func(t *testing.T) { traceAcross(t, e, s, nodes) }) &&
			t.Run("a node that has restarted does not guess", func(t *testing.T) { explainAfterRestart(t, nodes, restart) }) &&
			t.Run("a drain moves pages", func(t *testing.T) { drainAcross(t, e, s, nodes[1]) }) &&
			(!e.IsServer || t.Run("an outage is seen", func(t *testing.T) { seeOutage(t, e, s, nodes) })) &&
			t.Run("a log that is replaced is seen", func(t *testing.T) { seeOtherLog(t, s, nodes) }) &&
			t.Run("the end is logged, with all that was counted", func(t *testing.T) { seeEnd(t, e, nodes) })
	})
}

// settled waits until two nodes have read the same, and returns their counters.
func settled(t *testing.T, nodes []*process, is func(a, b pull.Stats) bool) (a, b pull.Stats) {
	t.Helper()
	eventually(t, func() string {
		a, b = nodes[0].stats(t), nodes[1].stats(t)
		if a.Epoch == b.Epoch && a.Offset == b.Offset && a.PublisherEvents+b.PublisherEvents == 0 && is(a, b) {
			return ""
		}
		return fmt.Sprintf("the nodes have\n%+v and\n%+v", a, b)
	})
	return a, b
}

// agree checks the counters of nodes with pages of two users and a guest.
func agree(t *testing.T, nodes []*process) {
	ann := []*tab{nodes[0].connect(t, "", login("1", "ann")), nodes[1].connect(t, "", login("1", "ann"))}
	bob := nodes[1].connect(t, "", login("2", "bob"))
	guest := nodes[0].connect(t, "", nil)
	defer closeAll(append(ann, bob, guest)...)
	a, b := settled(t, nodes, func(a, b pull.Stats) bool { return a.Users == 2 && b.Users == 2 })
	if a.Node == b.Node || a.Nodes != 2 || b.Nodes != 2 || a.Sessions != 2 || b.Sessions != 2 || a.Guests != 1 || b.Guests != 0 {
		t.Errorf("the nodes have\n%+v and\n%+v", a, b)
	}

	nodes[0].publish(t, "1", "for-ann")
	nodes[0].publish(t, "2", "for-bob")
	ann[0].until(t, "tasks:for-ann")
	ann[1].until(t, "tasks:for-ann")
	bob.until(t, "tasks:for-bob")

	after, other := settled(t, nodes, func(a, b pull.Stats) bool { return a.Deliveries > 0 && b.Deliveries > 1 })
	if got := times(after.FirstWrite) - times(a.FirstWrite); got != 1 {
		t.Errorf("the node that sent two events has measured %d first writes, want that of its own page", got)
	}
	if got := times(other.FirstWrite) - times(b.FirstWrite); got != 0 {
		t.Errorf("the node that sent nothing has measured %d first writes", got)
	}
	if got := times(after.LogLag) - times(a.LogLag); got < 2 || after.LogLag.Sum <= a.LogLag.Sum {
		t.Errorf("the node that sent two events has measured the log %d times", got)
	}
	if !maps.Equal(after.GapsBy, a.GapsBy) || !maps.Equal(other.CutBy, b.CutBy) {
		t.Errorf("gaps %v, cuts %v, want none", after.GapsBy, other.CutBy)
	}
}

// times returns how often a histogram was given a duration.
func times(h pull.Histogram) (n uint64) {
	for _, count := range h.Counts {
		n += count
	}
	return n
}

func closeAll(pages ...*tab) {
	for _, p := range pages {
		_ = p.conn.Close()
	}
}

// offers publishes an event for the target in JSON, and returns the offset at which a
// page gets it.
func (p *process) offers(t *testing.T, target, command string, page *tab) string {
	t.Helper()
	body := `{"target":` + target + `,"event":{"module":"tasks","command":"` + command + `"}}`
	if status, text := p.post(t, "/events", body, service("application/json", "")); status != http.StatusOK {
		t.Fatalf("%s: status %d: %s", command, status, text)
	}
	for {
		if a, _ := page.arrival(t); a.Name == "tasks:"+command {
			return strconv.FormatUint(a.Offset, 10)
		}
	}
}

// explains waits until a node's answer is as it should be.
func (p *process) explains(t *testing.T, user, offset, verdict string, steps ...string) {
	t.Helper()
	eventually(t, func() string {
		a := p.why(t, user, offset)
		if a.has(verdict, steps...) {
			return ""
		}
		return fmt.Sprintf("user %q, offset %s: got %s\n%s\nwant … %s … %q", user, offset, a.verdict, strings.Join(a.steps, "\n"), verdict, steps)
	})
}

const (
	gotIt     = "got the event on this node: it was sent to 1 session"
	elsewhere = "is connected to another node"
	absent    = "has no session on this node"
)

// explainEverywhere asks both nodes about events of one of them.
func explainEverywhere(t *testing.T, nodes []*process) {
	a, b := nodes[0], nodes[1]
	ann, bob := a.connect(t, "", login("1", "ann")), b.connect(t, "", login("2", "bob"))
	defer closeAll(ann, bob)
	ids := []string{a.stats(t).Node, b.stats(t).Node}
	for _, watch := range []string{"/watch?user=2&tag=T", "/watch?user=9&tag=T"} {
		if status, text := b.post(t, watch, "", nil); status != http.StatusNoContent {
			t.Fatal(text)
		}
	}

	at := a.offers(t, `{"users":["1","2","3"]}`, "explained", bob) // as the page at the other node got it
	tagged := a.offers(t, `{"tags":["T"]}`, "tagged", bob)
	if status, text := a.post(t, "/unwatch?user=2&tag=T", "", nil); status != http.StatusNoContent {
		t.Fatal(text)
	}
	missed := b.offers(t, `{"tags":["T"],"users":["1"]}`, "missed", ann)

	a.explains(t, "1", at, gotIt, "in the log? Yes", "addressed to the user? Yes", "connected? Yes")
	a.explains(t, "2", at, elsewhere, "connected? Elsewhere", ids[1])
	b.explains(t, "1", at, elsewhere, "connected? Elsewhere", ids[0])
	b.explains(t, "2", at, gotIt, "connected? Yes")
	for _, n := range nodes {
		n.explains(t, "3", at, absent, "addressed to the user? Yes", "connected? No")
		n.explains(t, "4", at, "because it is for others", "addressed to the user? No", "connected? No")
		n.explains(t, "", at, "because it is for others")
		n.explains(t, "2", missed, "no watch covers it", "watch T when it was sent? No", "had ended at offset")
		n.explains(t, "9", missed, absent, "watch T when it was sent? Yes")
		n.explains(t, "1", "1000000", "has read the log up to offset", "in the log? Not yet")
	}
	a.explains(t, "2", tagged, elsewhere, "watch T when it was sent? Yes")
	b.explains(t, "2", tagged, gotIt, "watch T when it was sent? Yes")
	bobMoves(t, a, b, bob, at)
}

// bobMoves lets the page of user 2 leave the second node and come back to the first.
func bobMoves(t *testing.T, a, b *process, bob *tab, at string) {
	t.Helper()
	closeAll(bob)
	b.explains(t, "2", at, "may have got the event", "Not known", "connected? No")
	a.explains(t, "2", at, absent, "connected? No")

	back := a.connect(t, "cursor="+bob.at(), login("2", "bob"))
	defer closeAll(back)
	back.until(t, "tasks:tagged")

	a.explains(t, "2", at, gotIt)
	b.explains(t, "2", at, "may have got the event", "connected? Elsewhere")
}

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// traceAcross sends an event with a trace, which goes to each node and to no page.
func traceAcross(t *testing.T, e engines.Engine, s *engines.Server, nodes []*process) {
	pages := []*tab{nodes[0].connect(t, "", login("1", "ann")), nodes[1].connect(t, "", login("2", "bob"))}
	h := service("application/json", "")
	h.Set(traceHeader, trace)
	body := `{"target":{"users":["1","2"]},"event":{"module":"tasks","command":"traced"}}`

	if status, text := nodes[0].post(t, "/events", body, h); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}

	late := startProcesses(t, e, s.Address, 1, patient)[0]
	pages = append(pages, late.connect(t, "cursor="+pages[1].at(), login("2", "bob")))
	for i, p := range pages {
		a, text := p.arrival(t)
		for a.Name != "tasks:traced" {
			a, text = p.arrival(t)
		}
		if strings.Contains(text, trace[3:35]) {
			t.Errorf("page %d got the trace: %s", i, text)
		}
	}
	for i, n := range nodes {
		eventually(t, func() string {
			if got := n.traces(t); !maps.Equal(got, map[string]int{trace: 1}) {
				return fmt.Sprintf("node %d has delivered %v, want the trace to one page", i, got)
			}
			return ""
		})
	}
	closeAll(pages...)
	if got := late.traces(t); len(got) > 0 {
		t.Errorf("a node that started later has delivered %v, want nothing: its page has recovered", got)
	}
	if err := late.Stop(); err != nil {
		t.Error(err)
	}
}

// explainAfterRestart asks a node about what happened before it had started.
func explainAfterRestart(t *testing.T, nodes []*process, restart func() error) {
	settled(t, nodes, func(a, b pull.Stats) bool { return a.Users == 0 && b.Users == 0 }) // no grace is running
	bob := nodes[1].connect(t, "", login("2", "bob"))
	at := nodes[0].offers(t, `{"users":["2"]}`, "before", bob)
	tagged := nodes[0].offers(t, `{"tags":["T"],"users":["2"]}`, "tagged-before", bob)
	closeAll(bob)
	old := nodes[1]
	if err := restart(); err != nil {
		t.Fatal(err)
	}
	again := nodes[1]
	if n := again.stats(t).Nodes; n != len(nodes) {
		t.Errorf("got %d nodes, want %d: others have stopped", n, len(nodes))
	}

	if a := again.why(t, "2", at); !a.has(absent, "in the log? Yes") {
		t.Errorf("got %+v, want that the user has no session: the node before has stopped", a)
	}
	again.explains(t, "9", tagged, absent, "watch T when it was sent? Yes") // the watch is in the log
	back := again.connect(t, "cursor="+bob.at(), login("2", "bob"))
	back.until(t, "tasks:tagged-before")
	again.explains(t, "2", at, gotIt)
	closeAll(back)

	started, stopped := old.logged("pull: started"), old.logged("pull: stopped")
	if len(started) != 1 || len(stopped) != 1 || started[0].Node != stopped[0].Node || started[0].Level != "INFO" {
		t.Errorf("logged %+v and %+v, want one line each", started, stopped)
	}
}
