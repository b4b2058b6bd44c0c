// Package tally counts what happens on a node, by cause, and measures how long it
// takes. It needs a constant amount of memory, and no lock.
package tally

import "sync/atomic"

// Counts are counters with fixed names, such as the causes for which something
// happens. They are safe for concurrent use.
type Counts map[string]*atomic.Uint64

// New returns counters with the names, at 0.
func New(names ...string) Counts {
	c := make(Counts, len(names))
	for _, name := range names {
		c[name] = new(atomic.Uint64)
	}
	return c
}

// Add adds n to a counter. It panics if there is none with the name.
func (c Counts) Add(name string, n uint64) { c[name].Add(n) }

// Map returns all counters, also those at 0. The map belongs to the caller.
func (c Counts) Map() map[string]uint64 {
	m := make(map[string]uint64, len(c))
	for name, count := range c {
		m[name] = count.Load()
	}
	return m
}
