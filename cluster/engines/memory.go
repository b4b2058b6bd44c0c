package engines

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/echo-pull/pull"
)

// Memory is the plugin's own log, which the nodes of one process share here.
func Memory() Engine {
	return Engine{Name: "memory", Nodes: 1, Start: func(testing.TB, func(*rand.Rand) time.Duration) *Server {
		log := &pull.Memory{Count: 1_000_000, Bytes: 1 << 28}
		return &Server{Open: func() (Log, error) { return Log{log, func() error { return nil }}, nil }}
	}}
}
