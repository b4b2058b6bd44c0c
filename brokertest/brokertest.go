// Package brokertest is an executable suite of the promises that a broker makes,
// for any engine that pull should run on. It needs only the standard library:
//
//	func TestBroker(t *testing.T) {
//		brokertest.Run(t, brokertest.Suite{Open: func(t testing.TB) brokertest.Broker { return open(t) }})
//	}
//
// A failure quotes the broken promise.
package brokertest

import (
	"context"
	"testing"
	"time"
)

// A Broker is pull.Broker, whose documentation is the contract. An engine that
// cannot take messages of 4 MiB has a method MaxMessageBytes() int as well. Publish
// then refuses larger messages, and all that is published with them.
type Broker interface {
	Publish(ctx context.Context, messages ...[]byte) error
	Subscribe(ctx context.Context, window time.Duration, deliver func(epoch string, offset uint64, message []byte)) error
}

// A Suite determines how to open the broker under test, and how to break it.
// Every field but Open is optional. Promises that need a missing field are
// skipped.
type Suite struct {
	// Open returns a broker with an empty log. It may use t.Cleanup and t.Skip.
	Open func(t testing.TB) Broker

	// Break makes the engine unreachable until mend is called. In the meantime
	// Publish fails, at the latest when its context ends, and Subscribe fails or
	// waits.
	Break func(b Broker) (mend func())

	// Lose makes the engine lose its log and begin another.
	Lose func(b Broker)

	// Faults are further ways to break the engine.
	Faults Faults

	// Patience is how long the engine may take for what it has to do in the
	// end. A promise that takes long has six times as long. Default 10
	// seconds.
	Patience time.Duration
}

// Run tests all promises, each with a new broker.
func Run(t *testing.T, s Suite) {
	for _, p := range all() {
		t.Run(p.name, func(t *testing.T) {
			if p.needs != nil && !p.needs(&s) {
				t.Skip("the suite does not know how to break this broker")
			}
			if err := s.check(t, &p); err != nil {
				t.Errorf("%v\nthe promise: %s", err, p.promise)
			}
		})
	}
}

// check returns an error if the broker breaks the promise.
func (s *Suite) check(t testing.TB, p *promise) error {
	patience := s.Patience
	if patience == 0 {
		patience = 10 * time.Second
	}
	if p.long {
		patience *= 6
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b := &bench{Broker: s.Open(t), suite: s, ctx: ctx, t: t}
	defer b.close()
	return p.run(b)
}
