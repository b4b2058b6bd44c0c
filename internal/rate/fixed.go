package rate

import "time"

// A Fixed is an [Allowance] of which every Take has the same limit. It is half as
// large, because there is one in each connection.
type Fixed struct {
	full time.Duration // when everything is regained, as returned by sinceStart; 0 if it is unused
}

// Take takes n from the allowance, as [Allowance.Take] does.
func (f *Fixed) Take(l Limit, n int, now time.Time) bool {
	var a Allowance
	if f.full != 0 {
		a = Allowance{full: f.full, every: l.Every}
	}
	allowed := a.Take(l, n, now)
	f.full = a.full
	return allowed
}
