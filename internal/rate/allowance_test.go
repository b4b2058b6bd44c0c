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
	for i := range allowanceKeys + 1000 {
		if !a.Take(strconv.Itoa(i), r, 1, now) {
			t.Fatalf("client %d was refused its first request", i)
		}
	}
	if len(a.of) > allowanceKeys {
		t.Errorf("got %d allowances, want %d at most", len(a.of), allowanceKeys)
	}
	a.Take("spender", r, 2, now)
	if a.Take("spender", r, 1, now) || a.Has("spender", r, now) {
		t.Error("more than the burst was allowed")
	}

	if now = now.Add(time.Hour); !a.Take("later", r, 1, now) || len(a.of) != 1 {
		t.Errorf("got %d allowances an hour later, want those that are full again forgotten", len(a.of))
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
	for range 100 { // to ask early delays nothing
		if now = now.Add(9 * time.Millisecond); a.Take(r, 1, now) {
			t.Fatal("one more was allowed before its time")
		}
	}
	if now = now.Add(101 * time.Millisecond); !a.Take(r, 1, now) || a.Take(r, 1, now) {
		t.Error("a second later it was not one more that was allowed")
	}
	if now = now.Add(time.Second); !a.Take(r, 5, now) || a.Take(r, 1, now.Add(4*time.Second)) {
		t.Error("what is taken beyond the allowance has to be regained first")
	}
}

func TestWhatIsSpentStaysSpentAtAnotherRate(t *testing.T) {
	var a Allowance
	one := Limit{Burst: 10, Every: time.Second}
	two := one.Times(2)
	now := time.Now()
	if !a.Take(one, 10, now) || a.Take(one, 1, now) {
		t.Fatal("it was not the burst that could be spent")
	}
	if !a.Take(two, 10, now) || a.Take(two, 1, now) {
		t.Error("twice the rate has not twice the burst, less what was spent")
	}
	if !a.Take(two, 1, now.Add(two.Every)) {
		t.Error("nothing was regained at twice the rate")
	}
}

// Who closes all pages but one must not wait at the rate of one for what all have
// spent.
func TestAllowanceIsRegainedAtTheRateAtWhichItWasSpent(t *testing.T) {
	var a Allowance
	one := Limit{Burst: 20, Every: 500 * time.Millisecond}
	now := time.Now()
	for range 64 * 20 {
		a.Take(one.Times(64), 1, now)
	}

	if now = now.Add(10 * time.Second); !a.Take(one, 1, now) {
		t.Error("something is spent ten seconds later, want nothing")
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
