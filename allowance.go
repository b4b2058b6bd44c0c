package pull

import (
	"maps"
	"sync"
	"time"
)

// A rate is what may be spent: a burst at once, and one more each time that a
// duration has passed.
type rate struct {
	burst int
	every time.Duration
}

// times is what so many may spend together.
func (r rate) times(n int) rate { return rate{r.burst * n, max(1, r.every/time.Duration(n))} }

// An allowance is what is left of a rate. The zero value is a full one. It is
// small, because each connection has some.
type allowance struct {
	full  time.Duration // when all is regained, on the clock of sinceStart
	every time.Duration // of the rate at which it was spent last
}

var processStart = time.Now() //nolint:gochecknoglobals // moments are counted from it

// sinceStart returns a moment as a number that steps of the clock do not change.
func sinceStart(now time.Time) time.Duration { return now.Sub(processStart) }

// take spends n of the rate and tells whether anything was left of it. What is
// taken then may be more than that, which has to be regained first.
func (a *allowance) take(r rate, n int, now time.Time) bool {
	spent := a.spentAt(r.every, now)
	if spent > time.Duration(r.burst-1)*r.every {
		return false
	}
	*a = allowance{sinceStart(now) + spent + time.Duration(n)*r.every, r.every}
	return true
}

// spentAt returns how long it takes to regain what is spent, if one more is
// regained each time that a duration has passed.
func (a *allowance) spentAt(every time.Duration, now time.Time) time.Duration {
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

// allowances are those of many, by key. The ones that are full again are
// forgotten, and where that does not make room any other: nobody pays for what
// somebody else has spent.
type allowances struct {
	mu    sync.Mutex // guards what follows
	of    map[string]allowance
	most  int // from which on a sweep is due
	swept time.Time
}

// take spends n of the key's allowance, as [allowance.take] does.
func (a *allowances) take(key string, r rate, n int, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()

	one, known := a.of[key]
	if !known {
		a.makeRoom(now)
	}
	taken := one.take(r, n, now)
	if taken {
		a.of[key] = one
	}
	return taken
}

// has tells whether anything is left of the key's allowance.
func (a *allowances) has(key string, r rate, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()

	one := a.of[key]
	return one.spentAt(r.every, now) <= time.Duration(r.burst-1)*r.every
}

// makeRoom makes room for one more; the caller holds mu.
func (a *allowances) makeRoom(now time.Time) {
	if a.of == nil {
		a.of, a.most = make(map[string]allowance), fewAllowances
	}
	if len(a.of) >= a.most && now.Sub(a.swept) >= time.Second {
		a.swept = now
		maps.DeleteFunc(a.of, func(_ string, one allowance) bool { return one.full <= sinceStart(now) })
		a.most = max(fewAllowances, min(2*len(a.of), allowanceKeys))
	}
	if len(a.of) >= allowanceKeys {
		for key := range a.of { // in no order
			delete(a.of, key)
			return
		}
	}
}
