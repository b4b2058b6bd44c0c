package rate

import (
	"strconv"
	"testing"
	"time"
	"unsafe"
)

func TestAllowancesAreBoundedAndNobodyPaysForOthers(t *testing.T) {
	var a Allowances
	r := Limit{Burst: 2, Every: time.Minute}
	now := time.Now()
	for i := range maxAllowances + 1000 {
		if !a.Take(strconv.Itoa(i), r, 1, now) {
			t.Fatalf("client %d was refused its first request", i)
		}
	}
	if len(a.byKey) > maxAllowances {
		t.Errorf("got %d allowances, want %d at most", len(a.byKey), maxAllowances)
	}
	a.Take("spender", r, 2, now)
	if a.Take("spender", r, 1, now) || a.Has("spender", r, now) {
		t.Error("more than the burst was allowed")
	}

	if now = now.Add(time.Hour); !a.Take("later", r, 1, now) || len(a.byKey) != 1 {
		t.Errorf("got %d allowances an hour later, want those that are full again forgotten", len(a.byKey))
	}
}

func TestAllowanceIsRegainedInTime(t *testing.T) {
	var a Allowance
	r := Limit{Burst: 10, Every: time.Second}
	now := time.Now()
	for i := range 10 {
		if !a.Take(r, 1, now) {
			t.Fatalf("%d of a burst of 10 were allowed", i)
		}
	}
	for range 100 { // an early attempt delays nothing
		if now = now.Add(9 * time.Millisecond); a.Take(r, 1, now) {
			t.Fatal("one more was allowed before its time")
		}
	}
	if now = now.Add(101 * time.Millisecond); !a.Take(r, 1, now) || a.Take(r, 1, now) {
		t.Error("a second later not exactly one more was allowed")
	}
	if now = now.Add(time.Second); !a.Take(r, 5, now) || a.Take(r, 1, now.Add(4*time.Second)) {
		t.Error("what was taken beyond the allowance was not regained first")
	}
}

func TestWhatIsSpentStaysSpentAtAnotherRate(t *testing.T) {
	var a Allowance
	one := Limit{Burst: 10, Every: time.Second}
	two := one.Times(2)
	now := time.Now()
	if !a.Take(one, 10, now) || a.Take(one, 1, now) {
		t.Fatal("not exactly the burst was allowed")
	}
	if !a.Take(two, 10, now) || a.Take(two, 1, now) {
		t.Error("twice the limit did not allow twice the burst, less what was taken")
	}
	if !a.Take(two, 1, now.Add(two.Every)) {
		t.Error("nothing was regained at twice the rate")
	}
}

// After closing all pages but one, a user must not wait at the rate of one page
// for what all pages have taken.
func TestAllowanceIsRegainedAtTheRateAtWhichItWasSpent(t *testing.T) {
	var a Allowance
	one := Limit{Burst: 20, Every: 500 * time.Millisecond}
	now := time.Now()
	for range 64 * 20 {
		a.Take(one.Times(64), 1, now)
	}

	if now = now.Add(10 * time.Second); !a.Take(one, 1, now) {
		t.Error("the allowance is not full again ten seconds later")
	}
	if a.Take(one, 20, now); a.Take(one, 1, now) {
		t.Error("more than the burst of one was allowed")
	}
}

func TestAllowanceStaysSmall(t *testing.T) {
	if got := unsafe.Sizeof(Allowance{}); got > 16 {
		t.Errorf("got %d bytes, want 16 at most: each connection has several", got)
	}
}

// A clock may be before the start of the process, as in fake time.
func TestFixedAllowanceIsAnAllowance(t *testing.T) {
	limit := Limit{Burst: 3, Every: time.Second}
	for _, start := range []time.Time{time.Now(), time.Now().AddDate(-20, 0, 0), time.Now().AddDate(20, 0, 0)} {
		var allowance Allowance
		var fixed Fixed
		now := start
		for i := range 200 {
			now = now.Add(time.Duration(i%7) * 200 * time.Millisecond)
			if got, want := fixed.Take(limit, 1, now), allowance.Take(limit, 1, now); got != want {
				t.Fatalf("request %d after %v: allowed %t, want %t", i, now.Sub(start), got, want)
			}
		}
	}
}
