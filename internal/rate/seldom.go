package rate

import (
	"maps"
	"strings"
	"sync"
	"time"
)

const (
	seldomEvery = time.Minute
	seldomKeys  = 128
	seldomBytes = 255 // of a key
)

// A Seldom keeps what is reported again and again out of the log: each key passes
// once a minute. It remembers few keys; while it has no room, others do not pass.
type Seldom struct {
	mu   sync.Mutex // guards last
	last map[string]time.Time
}

func (s *Seldom) Allow(key string) bool {
	key = Clip(key)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()

	if at, known := s.last[key]; known && now.Sub(at) < seldomEvery {
		return false
	}
	if len(s.last) >= seldomKeys {
		maps.DeleteFunc(s.last, func(_ string, at time.Time) bool { return now.Sub(at) >= seldomEvery })
	}
	if len(s.last) >= seldomKeys {
		return false
	}
	if s.last == nil {
		s.last = make(map[string]time.Time)
	}
	s.last[key] = now
	return true
}

// Clip bounds what a client has sent, for a log line or a key.
// What it returns keeps nothing else of the request alive.
func Clip(s string) string { return strings.Clone(s[:min(len(s), seldomBytes)]) }
