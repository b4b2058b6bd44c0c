package pull_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

var (
	modelSeed = flag.Uint64("seed", 0, "seed of the model test; or PULL_SEED. Default: another one each time")
	modelLong = flag.Duration("model.long", 2*time.Second, "how long each world of the model test lives")
)

// TestModel runs pages of many users through restarts, crashes, cuts and broken
// connections while events are published at full speed. Then it compares what each
// page received with the log: every event exactly once and in order, or a gap of
// which the page was notified.
func TestModel(t *testing.T) {
	seed := *modelSeed
	if s, err := strconv.ParseUint(os.Getenv("PULL_SEED"), 10, 64); err == nil {
		seed = s
	}
	if seed == 0 {
		seed = rand.Uint64()
	}
	for _, w := range []*world{
		{name: "memory", network: "memory", crowd: 40},
		{name: "TCP", network: "tcp", crowd: 40},
		{name: "TLS", network: "tls", crowd: 40},
		{name: "crowd", network: "tcp", crowd: 200}, // so many that the dispatcher shares its work
		{name: "cluster", network: "tcp", crowd: 40, nodes: 2},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Logf("replay with -run 'TestModel/%s' -seed %d", w.name, seed)
			w.seed = seed
			w.live(t)
		})
	}
}
