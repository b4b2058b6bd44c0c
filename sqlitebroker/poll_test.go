package sqlitebroker

import (
	"testing"
	"time"
)

// The clocks of file systems stand still for a while: what was written just
// before a query may have been written again just after it, at the same time.
func TestFileIsReadAgainUntilItsClockHasMovedOn(t *testing.T) {
	for name, c := range map[string]struct {
		query, written time.Duration // ago
		want           bool
	}{
		"written long before the query": {10 * time.Millisecond, time.Minute, false},
		"written just before the query": {10 * time.Millisecond, 15 * time.Millisecond, true},
		"written in the future":         {10 * time.Millisecond, -time.Hour, true},
		"not read for long":             {longest, time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			p := poll{before: now.Add(-c.query), mark: mark{modified: now.Add(-c.written)}, path: "/missing"}
			if !c.want { // as the file that is missing
				p.mark = mark{}
			}

			if got := p.due(); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
