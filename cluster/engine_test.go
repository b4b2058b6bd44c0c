package cluster_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/modeltest"
)

// engines returns the engines. Each has a file of its own.
func engines() []engine { return []engine{sqlite(), postgres()} }

// An engine is what a log is kept in.
type engine struct {
	name string

	// nodes is how many nodes the model has.
	nodes int

	// isServer says that the engine is a process of its own, which can restart.
	isServer bool

	// start starts the engine for a test.
	start func(t *testing.T) *server

	// open opens the log for a node, in this process or in another one.
	open func(address string) (log pull.Broker, closer func() error, err error)
}

// A server is an engine that runs.
type server struct {
	// address is what open needs.
	address string

	// faults are what can happen to the engine.
	faults []modeltest.Fault

	// restart is the fault of a planned restart, which loses nothing.
	restart modeltest.Fault
}

// fault returns a fault that is drawn without chance.
func fault(name string, happen ...func() error) modeltest.Fault {
	return modeltest.Fault{Name: name, Happen: func(*rand.Rand) error {
		for _, step := range happen {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	}}
}

// loss returns a fault after which the log is another one.
func loss(name string, happen ...func() error) modeltest.Fault {
	f := fault(name, happen...)
	f.Loses = true
	return f
}

// pause returns a fault that lasts for a while, with what begins and ends it.
func pause(name string, begin func() error, end func() error) modeltest.Fault {
	return modeltest.Fault{Name: name, Happen: func(r *rand.Rand) error {
		if err := begin(); err != nil {
			return err
		}
		<-time.After(frozenFor(r))
		return end()
	}}
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
