package publish

import "sync/atomic"

// Counts is a snapshot of what the publisher has counted since it was created.
type Counts struct {
	Failures, Retries uint64 // calls of the broker that have failed, and that have repeated one
	Crowded           uint64 // calls of Reserve that found the queue more than half full
}

// Counts returns a snapshot.
func (p *Publisher) Counts() Counts {
	return Counts{Failures: p.stats.failures.Load(), Retries: p.stats.retries.Load(), Crowded: p.stats.crowded.Load()}
}

// counters are what the publisher has counted since it was created.
type counters struct {
	failures, retries, crowded atomic.Uint64
}
