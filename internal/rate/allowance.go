// Package rate limits how often something is done: by key, or for one holder.
package rate

import (
	"maps"
	"math"
	"sync"
	"time"
)

// A Limit allows a burst at once, and one more after each period of Every.
type Limit struct {
	Burst int
	Every time.Duration
}

// Times returns the limit that n holders have together.
func (l Limit) Times(n int) Limit { return Limit{l.Burst * n, max(1, l.Every/time.Duration(n))} }

// An Allowance tracks how much of a limit is used. The zero value is unused. It
// is small, because each connection has several.
type Allowance struct {
	full  time.Duration // when everything is regained, as returned by sinceStart
	every time.Duration // Limit.Every of the last Take
}

var processStart = time.Now() //nolint:gochecknoglobals // times are stored relative to it

// sinceStart returns a time as the duration since the start of the process.
// Adjustments of the wall clock do not affect it.
func sinceStart(now time.Time) time.Duration { return now.Sub(processStart) }

// Take takes n from the allowance and reports whether anything was left of it.
// If so, n may be more than what was left: the difference has to be regained
// first. If not, Take changes nothing.
func (a *Allowance) Take(l Limit, n int, now time.Time) bool {
	spent := a.spentAt(l.Every, now)
	if spent > time.Duration(l.Burst-1)*l.Every {
		return false
	}
	*a = Allowance{sinceStart(now) + spent + time.Duration(n)*l.Every, l.Every}
	return true
}

// Exhaust takes so much that nothing is regained in the life of the process.
func (a *Allowance) Exhaust(l Limit) {
	*a = Allowance{full: math.MaxInt64 / 2, every: l.Every}
}

// spentAt returns how long it takes to regain everything at the rate of one per
// every.
func (a *Allowance) spentAt(every time.Duration, now time.Time) time.Duration {
	left := a.full - sinceStart(now)
	switch {
	case a.every == 0 || left <= 0:
		return 0
	case a.every == every:
		return left
	}
	return time.Duration(float64(left) / float64(a.every) * float64(every))
}

const (
	maxAllowances = 100_000 // largest number of keys
	fewAllowances = 1_000   // a smaller number is never swept
)

// Allowances holds an allowance for each of many keys. It drops those that are
// full again. If it still holds too many, it drops an arbitrary one: no key is
// refused because of what others have used. It is safe for concurrent use.
type Allowances struct {
	mu      sync.Mutex // guards what follows
	byKey   map[string]Allowance
	sweepAt int // number of keys at which the next sweep is due
	sweptAt time.Time
}

// Take takes n from the key's allowance, as [Allowance.Take] does.
func (a *Allowances) Take(key string, l Limit, n int, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()

	one, known := a.byKey[key]
	if !known {
		a.makeRoom(now)
	}
	taken := one.Take(l, n, now)
	if taken {
		a.byKey[key] = one
	}
	return taken
}

// Has reports whether anything is left of the key's allowance.
func (a *Allowances) Has(key string, l Limit, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()

	one := a.byKey[key]
	return one.spentAt(l.Every, now) <= time.Duration(l.Burst-1)*l.Every
}

// makeRoom makes room for one more key. The caller holds mu.
func (a *Allowances) makeRoom(now time.Time) {
	if a.byKey == nil {
		a.byKey, a.sweepAt = make(map[string]Allowance), fewAllowances
	}
	if len(a.byKey) >= a.sweepAt && now.Sub(a.sweptAt) >= time.Second {
		a.sweptAt = now
		maps.DeleteFunc(a.byKey, func(_ string, one Allowance) bool { return one.full <= sinceStart(now) })
		a.sweepAt = max(fewAllowances, min(2*len(a.byKey), maxAllowances))
	}
	if len(a.byKey) >= maxAllowances {
		for key := range a.byKey { // any of them
			delete(a.byKey, key)
			return
		}
	}
}
