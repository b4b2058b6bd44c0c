package cluster_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull"
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
	seed := seed()
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			t.Logf("replay with -run 'TestModel/%s' -seed %d", e.name, seed)
			s := e.start(t)
			local := modeltest.Local{Start: app, Network: "tcp", Log: func() (pull.Broker, func() error, error) { return e.open(s.address) }}
			w := modeltest.World{Open: local.Open, Nodes: e.nodes, Faults: s.faults, Crashes: 4, Duration: *modelLong, Seed: seed}
			w.Live(t)
		})
	}
}
