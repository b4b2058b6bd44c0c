package cluster_test

import (
	"flag"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/modeltest"
)

var (
	clusterRate  = flag.Int("cluster.rate", 2000, "events per second of TestCluster, from all nodes together")
	clusterPages = flag.Int("cluster.pages", 300, "pages of TestCluster")
	clusterLong  = flag.Duration("cluster.long", 4*time.Second, "how long each world of TestCluster lives")
)

// Three processes share a log. They are killed and restarted while they publish:
// no page misses an event, gets one twice or in another order, and none gets a
// gap, because pages recover at the other nodes. If the engine is restarted as
// well, a page that moves meanwhile may get a gap.
func TestCluster(t *testing.T) {
	for _, e := range engines() {
		for _, restarts := range []bool{false, true} {
			if restarts && !e.isServer {
				continue
			}
			name := e.name + "/" + map[bool]string{false: "nodes are killed", true: "nodes are killed and the engine restarts"}[restarts]
			t.Run(name, func(t *testing.T) {
				s := e.start(t)
				w := modeltest.World{
					Open: openProcess(e, s.address), Nodes: 3, Pages: *clusterPages, Sockets: true, Calm: true,
					Mix:  modeltest.Mix{Users: *clusterPages, Tags: 60, Everyone: 100},
					Rate: *clusterRate, Publishers: 16, Crashes: 6, Duration: *clusterLong, Seed: seed(),
					Gapless: !restarts,
				}
				if restarts {
					w.Faults = []modeltest.Fault{s.restart}
				}
				log, closer, err := e.open(s.address)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = closer() }()
				w.Log = log
				w.Live(t)
			})
		}
	}
}
