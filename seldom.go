package pull

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

// A seldom keeps what is reported again and again out of the log: each key passes
// once a minute. It remembers few keys; while it has no room, others do not pass.
type seldom struct {
	mu   sync.Mutex // guards last
	last map[string]time.Time
}

func (s *seldom) allow(key string) bool {
	key = clip(key)
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

// clip bounds what a client has sent, for a log line or a key. What is cut off
// is let go.
func clip(s string) string {
	if len(s) <= seldomBytes {
		return s
	}
	return strings.Clone(s[:seldomBytes])
}
