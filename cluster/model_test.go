package cluster_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/cluster/engines"
	"github.com/echo-pull/pull/internal/modeltest"
)

var (
	modelSeed = flag.Uint64("seed", 0, "seed of the model; or PULL_SEED. Default: another one each time")
	modelLong = flag.Duration("model.long", 3*time.Second, "how long each world of the model lives")
)

func seed() uint64 {
	seed := *modelSeed
	if s, err := strconv.ParseUint(os.Getenv("PULL_SEED"), 10, 64); err == nil {
		seed = s
	}
	if seed == 0 {
		seed = rand.Uint64()
	}
	return seed
}

// Whatever happens to nodes and to the engine, each page receives every event for
// it once and in order, or is notified of a gap.
func TestModel(t *testing.T) {
	t.Parallel()
	seed := seed()
	for _, e := range engines.Shared() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			t.Logf("replay with -run 'TestModel/%s' -seed %d", e.Name, seed)
			s := e.Start(t, frozenFor)
			local := modeltest.Local{Start: app, Network: "tcp", Log: func() (pull.Broker, func() error, error) {
				l, err := s.Open()
				return l.Broker, l.Close, err
			}}
			w := modeltest.World{Open: local.Open, Nodes: e.Nodes, Faults: s.Faults, Crashes: 4, Duration: *modelLong, Seed: seed, Sessions: true}
			w.Live(t)
		})
	}
}

// frozenFor returns for how long an engine is frozen. Long runs have some that
// last until the nodes notice.
func frozenFor(r *rand.Rand) time.Duration {
	longest := min(1500*time.Millisecond, *modelLong/4)
	if *modelLong >= 30*time.Second && r.IntN(3) == 0 {
		longest = 10 * time.Second
	}
	return time.Duration(r.Int64N(int64(longest)))
}
