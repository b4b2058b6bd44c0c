package soak

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// A tally is what all pages have seen.
type tally struct {
	connected atomic.Int64
	hellos    atomic.Int64
	recovered atomic.Int64
	gaps      atomic.Int64
	late      atomic.Int64 // gaps of pages that were away for too long
	events    atomic.Int64
	repeated  atomic.Int64 // events that a page had seen
	lag       delays

	mu     sync.Mutex      // guards the rest
	ends   map[string]int  // ends of connections by reason
	errors []error         // broken promises, the first of them
	broken int             // how many there were
	where  []string        // the first gaps
	doubts map[letter]bool // whether they were sent is not known; without a time
}

// doubt notes that a task may not come.
func (t *tally) doubt(number int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.doubts == nil {
		t.doubts = map[letter]bool{}
	}
	t.doubts[letter{line: tasks, number: number}] = true
}

// lost returns how many letters of a hole had to come.
func (t *tally) lost(h hole) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	lost := 0
	for n := h.first; n <= h.last; n++ {
		if !t.doubts[letter{line: h.line, number: n}] {
			lost++
		}
	}
	return lost
}

// kept is how many errors and gaps are kept.
const kept = 10

// wrong notes a broken promise.
func (t *tally) wrong(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken++
	if len(t.errors) < kept {
		t.errors = append(t.errors, err)
	}
}

// gap notes that a page was notified of a gap.
func (t *tally) gap(where string) {
	t.gaps.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.where) < kept {
		t.where = append(t.where, where)
	}
}

// ended notes why a connection ended or was refused.
func (t *tally) ended(err error) {
	reason := "network"
	var closed *websocket.CloseError
	var refusal *refusal
	switch {
	case errors.As(err, &refusal):
		reason = refusal.Error()
	case errors.As(err, &closed):
		reason = fmt.Sprintf("closed with %d", closed.Code)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ends == nil {
		t.ends = map[string]int{}
	}
	t.ends[reason]++
}

// sum returns the first gaps, the ends by reason, and the broken promises.
func (t *tally) sum() (gaps []string, ends string, broken error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken > 0 {
		broken = fmt.Errorf("%d promises were broken, such as: %w", t.broken, errors.Join(t.errors...))
	}
	return t.where, fmt.Sprint(t.ends), broken
}

// Delays counts durations in buckets that are 9 % wide, from a microsecond to half
// an hour. It is safe for concurrent use.
type delays struct{ counts [8 * 31]atomic.Int64 }

func (d *delays) add(took time.Duration) {
	bucket := 8 * math.Log2(float64(max(took.Microseconds(), 1)))
	d.counts[min(int(bucket), len(d.counts)-1)].Add(1)
}

// drain returns the median and the 99th percentile since the last call, or zeros if
// there is nothing.
func (d *delays) drain() (p50, p99 time.Duration) {
	var counts [len(d.counts)]int64
	total := int64(0)
	for i := range d.counts {
		counts[i] = d.counts[i].Swap(0)
		total += counts[i]
	}
	seen := int64(0)
	for i, n := range counts {
		seen += n
		upper := time.Duration(math.Exp2(float64(i+1)/8) * float64(time.Microsecond))
		if n > 0 && p50 == 0 && 2*seen >= total {
			p50 = upper
		}
		if n > 0 && 100*seen >= 99*total {
			return p50, upper
		}
	}
	return p50, p99
}
