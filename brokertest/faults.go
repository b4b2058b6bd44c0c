package brokertest

import (
	"slices"
	"testing"
	"time"
)

// Faults are ways to break an engine. Promises that need a missing one are
// skipped. Each function gets a broker that Suite.Open has returned.
type Faults struct {
	// Restart ends the engine and the broker in order, and returns a broker on
	// the same log. Nothing is lost.
	Restart func(t testing.TB, b Broker) Broker

	// Kill is Restart without an orderly end, as by kill -9. What Publish has
	// returned nil for is still there.
	Kill func(t testing.TB, b Broker) Broker

	// Join returns another broker on the same log, as another node has it.
	Join func(t testing.TB, b Broker) Broker

	// Freeze makes the engine accept everything and answer nothing, until thaw is
	// called.
	Freeze func(t testing.TB, b Broker) (thaw func())

	// Delay makes each commit take a random time longer, from now on. The fault
	// is not mended.
	Delay func(t testing.TB, b Broker)

	// Skew is Suite.Open for an engine whose clock is ahead of the node's, or
	// behind it if the time is negative.
	Skew func(t testing.TB, ahead time.Duration) Broker

	// Rewind keeps a copy of the log. back replaces the log with it, as a
	// restored backup or a promoted replica does.
	Rewind func(t testing.TB, b Broker) (back func())

	// Notice is how soon a running subscription learns of a fault. Default 5
	// seconds.
	Notice time.Duration
}

var faulty = []promise{
	{
		name: "restart", promise: "a restart of the engine without loss keeps the epoch and every message",
		needs: func(s *Suite) bool { return s.Faults.Restart != nil },
		run:   func(b *bench) error { return survives(b, b.suite.Faults.Restart) },
	},
	{
		name: "kill", promise: "an engine that is killed loses no message for which Publish has returned nil, or begins another epoch",
		needs: func(s *Suite) bool { return s.Faults.Kill != nil },
		run:   func(b *bench) error { return survives(b, b.suite.Faults.Kill) },
	},
	{
		name: "nodes", promise: "all nodes see the same messages at the same offsets, whichever node has published them",
		needs: func(s *Suite) bool { return s.Faults.Join != nil },
		run:   nodes,
	},
	{
		name: "late commits", promise: "many nodes that publish at the same time lose nothing to one another, and all see one order, however late a commit is",
		needs: func(s *Suite) bool { return s.Faults.Join != nil },
		run:   lateCommits,
	},
	{
		name: "subscriptions over an outage", promise: "a subscription that does not end with an outage goes on without a hole or a repetition",
		needs: func(s *Suite) bool { return s.Break != nil },
		run:   overAnOutage,
	},
	{
		name: "no skip over outages", promise: "a batch that is repeated until an outage is over has no message for the first time after a later one",
		needs: func(s *Suite) bool { return s.Break != nil },
		run:   noSkipOverOutages,
	},
	{
		name: "frozen", promise: "Publish returns when its context ends, even if the engine does not answer; afterwards nothing is missing",
		needs: func(s *Suite) bool { return s.Faults.Freeze != nil },
		run:   frozen,
	},
	{
		name: "frozen subscription", promise: "a subscription to an engine that answers no one soon returns an error",
		needs: func(s *Suite) bool { return s.Faults.Freeze != nil },
		run:   frozenSubscription,
	},
	{
		name: "clock ahead", promise: "the window is measured by one clock: an engine whose clock is an hour ahead delivers the window",
		needs: func(s *Suite) bool { return s.Faults.Skew != nil },
		run:   func(b *bench) error { return skewed(b, time.Hour) },
		long:  true,
	},
	{
		name: "clock behind", promise: "the window is measured by one clock: an engine whose clock is an hour behind delivers the window",
		needs: func(s *Suite) bool { return s.Faults.Skew != nil },
		run:   func(b *bench) error { return skewed(b, -time.Hour) },
		long:  true,
	},
	{
		name: "emptied log", promise: "a subscription whose log is lost soon returns an error or delivers another epoch, also if nothing is published",
		needs: func(s *Suite) bool { return s.Lose != nil },
		run:   func(b *bench) error { return deaf(b, 0) },
	},
	{
		name: "deaf node", promise: "a subscription whose log is lost soon returns an error or delivers another epoch, also if the new log is shorter",
		needs: func(s *Suite) bool { return s.Lose != nil },
		run:   func(b *bench) error { return deaf(b, 1) },
	},
	{
		name: "level node", promise: "a subscription whose log is lost soon returns an error or delivers another epoch, also if the new log is as long",
		needs: func(s *Suite) bool { return s.Lose != nil },
		run:   func(b *bench) error { return deaf(b, lostMessages) },
	},
	{
		name: "overtaken node", promise: "a subscription whose log is lost soon returns an error or delivers another epoch, also if the new log is longer",
		needs: func(s *Suite) bool { return s.Lose != nil },
		run:   func(b *bench) error { return deaf(b, 50) },
	},
	{
		name: "rewound", promise: "a log that has gone back to an earlier state has another epoch, and subscriptions soon learn of it",
		needs: func(s *Suite) bool { return s.Faults.Rewind != nil },
		run:   func(b *bench) error { return rewound(b, 1) },
	},
	{
		name: "rewound and overtaken", promise: "a log that has gone back has another epoch, also if it is longer again",
		needs: func(s *Suite) bool { return s.Faults.Rewind != nil },
		run:   func(b *bench) error { return rewound(b, 50) },
	},
}

// all returns every promise.
func all() []promise { return slices.Concat(promises, amounts, faulty) }
