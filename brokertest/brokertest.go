// Package brokertest holds the promises of a broker as an executable suite, for
// any engine that pull should run on. It needs nothing but the standard library:
//
//	func TestBroker(t *testing.T) {
//		brokertest.Run(t, brokertest.Suite{Open: func(t testing.TB) brokertest.Broker { return open(t) }})
//	}
//
// A failure quotes the promise that was broken.
package brokertest

import (
	"context"
	"testing"
	"time"
)

// A Broker is pull.Broker, whose documentation is the contract.
type Broker interface {
	Publish(ctx context.Context, messages ...[]byte) error
	Subscribe(ctx context.Context, window time.Duration, deliver func(epoch string, offset uint64, message []byte)) error
}

// A Suite says how to make the broker under test, and how to break it. Every
// field but Open is optional: what cannot be broken is not tested broken.
type Suite struct {
	// Open returns a broker with an empty log. It may use t.Cleanup and t.Skip.
	Open func(t testing.TB) Broker

	// Break puts the engine out of reach until mend is called. Publish fails
	// meanwhile, at the latest when its context ends; Subscribe fails or waits.
	Break func(b Broker) (mend func())

	// Lose has the engine lose its log and begin another.
	Lose func(b Broker)

	// Faults are further ways to break the engine.
	Faults Faults

	// Patience is how long the engine may take for what it has to do in the
	// end. Default 10 seconds.
	Patience time.Duration
}

// Run tests all promises, each on a broker of its own.
func Run(t *testing.T, s Suite) {
	for _, p := range all() {
		t.Run(p.name, func(t *testing.T) {
			if p.needs != nil && !p.needs(&s) {
				t.Skip("the suite was not told how to break this broker")
			}
			if err := s.keep(t, &p); err != nil {
				t.Errorf("%v\nthe promise: %s", err, p.promise)
			}
		})
	}
}

// keep returns what speaks against the promise.
func (s *Suite) keep(t testing.TB, p *promise) error {
	patience := s.Patience
	if patience == 0 {
		patience = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b := &bench{Broker: s.Open(t), suite: s, ctx: ctx, t: t}
	defer b.close()
	return p.run(b)
}
