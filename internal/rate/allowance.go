// Package rate bounds how often something is done, by key where many do it.
package rate

import (
	"maps"
	"math"
	"sync"
	"time"
)

// A Limit is what may be spent: a burst at once, and one more each time that a
// duration has passed.
type Limit struct {
	Burst int
	Every time.Duration
}

// Times is what so many may spend together.
func (r Limit) Times(n int) Limit { return Limit{r.Burst * n, max(1, r.Every/time.Duration(n))} }

// An Allowance is what is left of a rate. The zero value is a full one. It is
// small, because each connection has some.
type Allowance struct {
	full  time.Duration // when all is regained, on the clock of sinceStart
	every time.Duration // of the rate at which it was spent last
}

var processStart = time.Now() //nolint:gochecknoglobals // moments are counted from it

// sinceStart returns a moment as a number that steps of the clock do not change.
func sinceStart(now time.Time) time.Duration { return now.Sub(processStart) }

// Take spends n of the rate and tells whether anything was left of it. What is
// taken then may be more than that, which has to be regained first.
func (a *Allowance) Take(r Limit, n int, now time.Time) bool {
	spent := a.spentAt(r.Every, now)
	if spent > time.Duration(r.Burst-1)*r.Every {
		return false
	}
	*a = Allowance{sinceStart(now) + spent + time.Duration(n)*r.Every, r.Every}
	return true
}

// Exhaust spends so much of the rate that nothing is regained in a lifetime.
func (a *Allowance) Exhaust(r Limit) {
	*a = Allowance{full: math.MaxInt64 / 2, every: r.Every}
}

// spentAt returns how long it takes to regain what is spent, if one more is
// regained each time that a duration has passed.
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
	allowanceKeys = 100_000 // that are remembered
	fewAllowances = 1_000   // are not worth a look at each
)

// Allowances are those of many, by key. The ones that are full again are
// forgotten, and where that does not make room any other: nobody pays for what
// somebody else has spent.
type Allowances struct {
	mu    sync.Mutex // guards what follows
	of    map[string]Allowance
	most  int // from which on a sweep is due
	swept time.Time
}

// Take spends n of the key's allowance, as [allowance.take] does.
func (a *Allowances) Take(key string, r Limit, n int, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()

	one, known := a.of[key]
	if !known {
		a.makeRoom(now)
	}
	taken := one.Take(r, n, now)
	if taken {
		a.of[key] = one
	}
	return taken
}

// Has tells whether anything is left of the key's allowance.
func (a *Allowances) Has(key string, r Limit, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()

	one := a.of[key]
	return one.spentAt(r.Every, now) <= time.Duration(r.Burst-1)*r.Every
}

// makeRoom makes room for one more; the caller holds mu.
func (a *Allowances) makeRoom(now time.Time) {
	if a.of == nil {
		a.of, a.most = make(map[string]Allowance), fewAllowances
	}
	if len(a.of) >= a.most && now.Sub(a.swept) >= time.Second {
		a.swept = now
		maps.DeleteFunc(a.of, func(_ string, one Allowance) bool { return one.full <= sinceStart(now) })
		a.most = max(fewAllowances, min(2*len(a.of), allowanceKeys))
	}
	if len(a.of) >= allowanceKeys {
		for key := range a.of { // in no order
			delete(a.of, key)
			return
		}
	}
}
