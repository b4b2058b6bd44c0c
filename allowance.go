package pull

import (
	"maps"
	"sync"
	"time"
)

const (
	incomingBurst = 20                     // requests that a client may send at once
	incomingEvery = 500 * time.Millisecond // and one more each …

	allowanceKeys = 10_000
)

// An allowance is what a client may still send. The zero value is a full one.
type allowance struct {
	spent    int // of the burst
	regained time.Time
}

// take tells whether the client may send one more request now.
func (a *allowance) take(now time.Time) bool {
	a.regain(now)
	if a.spent >= incomingBurst {
		return false
	}
	a.spent++
	return true
}

func (a *allowance) regain(now time.Time) {
	since := now.Sub(a.regained)
	earned := int(since / incomingEvery)
	if earned >= a.spent {
		a.spent, a.regained = 0, now
		return
	}
	a.spent -= earned
	a.regained = now.Add(-since % incomingEvery)
}

// allowances are those of clients without a session, by user or by address.
// While there are more than can be remembered, the others share one.
type allowances struct {
	mu    sync.Mutex // guards what follows
	of    map[string]*allowance
	swept time.Time
}

func (a *allowances) take(key string, now time.Time) bool {
	key = clip(key)
	a.mu.Lock()
	defer a.mu.Unlock()

	if a.of[key] == nil {
		a.sweep(now)
		if len(a.of) >= allowanceKeys {
			key = ""
		}
	}
	if a.of[key] == nil {
		if a.of == nil {
			a.of = make(map[string]*allowance)
		}
		a.of[key] = new(allowance)
	}
	return a.of[key].take(now)
}

// sweep forgets those that are full again, once in a while; the caller holds mu.
func (a *allowances) sweep(now time.Time) {
	if len(a.of) < allowanceKeys || now.Sub(a.swept) < time.Second {
		return
	}
	a.swept = now
	maps.DeleteFunc(a.of, func(_ string, one *allowance) bool {
		one.regain(now)
		return one.spent == 0
	})
}
