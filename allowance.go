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

// An allowance is what is left of a rate. The zero value is a full one.
type allowance struct {
	rate     rate // at which it was spent last
	spent    int
	regained time.Time
}

// take spends n of the rate and tells whether anything was left of it. What is
// taken then may be more than that, which has to be regained first.
func (a *allowance) take(r rate, n int, now time.Time) bool {
	a.regain(now)
	a.rate = r
	if a.spent >= r.burst {
		return false
	}
	a.spent += n
	return true
}

func (a *allowance) regain(now time.Time) {
	since := now.Sub(a.regained)
	earned := int(since / max(1, a.rate.every))
	if earned >= a.spent {
		a.spent, a.regained = 0, now
		return
	}
	a.spent -= earned
	a.regained = now.Add(-since % max(1, a.rate.every))
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
	of    map[string]*allowance
	most  int // from which on a sweep is due
	swept time.Time
}

// take spends n of the key's allowance, as [allowance.take] does.
func (a *allowances) take(key string, r rate, n int, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()

	one := a.of[key]
	if one == nil {
		a.makeRoom(now)
		one = new(allowance)
		a.of[key] = one
	}
	return one.take(r, n, now)
}

// has tells whether anything is left of the key's allowance.
func (a *allowances) has(key string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()

	one := a.of[key]
	if one == nil {
		return true
	}
	one.regain(now)
	return one.spent < one.rate.burst
}

// makeRoom makes room for one more; the caller holds mu.
func (a *allowances) makeRoom(now time.Time) {
	if a.of == nil {
		a.of, a.most = make(map[string]*allowance), fewAllowances
	}
	if len(a.of) >= a.most && now.Sub(a.swept) >= time.Second {
		a.swept = now
		maps.DeleteFunc(a.of, func(_ string, one *allowance) bool {
			one.regain(now)
			return one.spent == 0
		})
		a.most = max(fewAllowances, min(2*len(a.of), allowanceKeys))
	}
	if len(a.of) >= allowanceKeys {
		for key := range a.of { // in no order
			delete(a.of, key)
			return
		}
	}
}
