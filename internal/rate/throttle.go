package rate

import (
	"maps"
	"strings"
	"sync"
	"time"
)

const (
	throttleEvery = time.Minute // one key passes once in this time
	throttleKeys  = 128         // largest number of keys
	clipBytes     = 255
)

// A Throttle keeps repeated reports out of the log: each key passes once a
// minute. It remembers a small number of keys. While it has no room for another
// one, other keys do not pass. The zero value is ready to use, and it is safe
// for concurrent use.
type Throttle struct {
	mu   sync.Mutex // guards last
	last map[string]time.Time
}

// Allow reports whether the key passes now.
func (t *Throttle) Allow(key string) bool {
	key = Clip(key)
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()

	if at, known := t.last[key]; known && now.Sub(at) < throttleEvery {
		return false
	}
	if len(t.last) >= throttleKeys {
		maps.DeleteFunc(t.last, func(_ string, at time.Time) bool { return now.Sub(at) >= throttleEvery })
	}
	if len(t.last) >= throttleKeys {
		return false
	}
	if t.last == nil {
		t.last = make(map[string]time.Time)
	}
	t.last[key] = now
	return true
}

// Clip returns the first bytes of a string that a client has sent, for a log
// line or a key. The result is a copy, which keeps nothing else of the request
// alive.
func Clip(s string) string { return strings.Clone(s[:min(len(s), clipBytes)]) }
