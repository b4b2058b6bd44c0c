package pull

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestAllowancesAreBounded(t *testing.T) {
	var a allowances
	now := time.Now()
	for i := range allowanceKeys {
		if !a.take(strconv.Itoa(i), now) {
			t.Fatalf("client %d was refused its first request", i)
		}
	}
	var passed int
	for i := range 1000 {
		if a.take(strings.Repeat("x", 1<<10)+strconv.Itoa(i), now) || a.take("late "+strconv.Itoa(i), now) {
			passed++
		}
	}
	if len(a.of) > allowanceKeys+1 || passed != incomingBurst {
		t.Errorf("got %d allowances and %d passed, want %d and those that had no room to share one of %d", len(a.of), passed, allowanceKeys+1, incomingBurst)
	}

	if now = now.Add(time.Minute); !a.take("later", now) || len(a.of) != 1 {
		t.Errorf("got %d allowances a minute later, want those that are full again forgotten", len(a.of))
	}
}
