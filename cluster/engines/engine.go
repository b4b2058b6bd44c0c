package engines

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/modeltest"
)

// Shared returns the engines that several processes can share.
func Shared() []Engine { return []Engine{SQLite(), Postgres(), Redis(), NATS()} }

// An Engine is what a log is kept in.
type Engine struct {
	Name string

	// Nodes is how many nodes the model has.
	Nodes int

	// IsServer says that the engine is a process of its own, which can restart.
	IsServer bool

	// Start starts an empty engine, which ends with the test. A fault that
	// freezes it lasts as long as frozen returns, which may be nil if no fault
	// happens.
	Start func(tb testing.TB, frozen func(*rand.Rand) time.Duration) *Server

	// Open opens the log in a server with this address, in any process. It is
	// nil if only Server.Open can.
	Open func(address string) (Log, error)
}

// A Log is a node's log.
type Log struct {
	Broker pull.Broker

	// Close releases what the broker holds.
	Close func() error
}

// A Server is an engine that runs.
type Server struct {
	// Address is what Engine.Open needs.
	Address string

	// Open opens the log for a node in this process.
	Open func() (Log, error)

	// Faults are what can happen to the engine.
	Faults []modeltest.Fault

	// Restart is the fault of a planned restart, which loses nothing.
	Restart modeltest.Fault

	// Kill ends the engine with SIGKILL, and Resume starts it again. They are nil
	// if it is no process.
	Kill, Resume func() error
}

// newServer returns a server at an address.
func (e Engine) newServer(address string) *Server {
	return &Server{Address: address, Open: func() (Log, error) { return e.Open(address) }}
}
