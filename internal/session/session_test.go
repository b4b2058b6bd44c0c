package session

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLeaseIsCountedFromWhenItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		l := LeaseOf(&Session{ID: "s1", Until: now.Round(0).Add(time.Minute)}, now) // without a monotonic reading, as the application has it

		<-time.After(59 * time.Second)
		if left, ends := l.Left(time.Now()); !ends || left != time.Second || l.IsOver(time.Now()) {
			t.Errorf("got %s, %t, want a second", left, ends)
		}
		<-time.After(time.Second)
		if !l.IsOver(time.Now()) {
			t.Error("the lease goes on, want it over")
		}
	})
}

func TestLeaseLastsAsLongThoughTheClockIsSet(t *testing.T) {
	now := time.Now()
	for _, set := range []time.Duration{time.Hour, -time.Hour} {
		l := NewLease(ID{1}, now.Round(0).Add(time.Minute), now)
		l.Until = l.Until.Add(-set) // as a clock that was set sees it

		if left, ends := l.Left(now.Add(50 * time.Second)); !ends || left != 10*time.Second {
			t.Errorf("set by %s: got %s, %t, want 10s", set, left, ends)
		}
	}
}

func TestLeaseOfAnyEnd(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		until time.Time
		over  bool
	}{
		"before all":  {time.Unix(-1<<40, 0), true},
		"now":         {now, true},
		"a moment":    {now.Add(time.Nanosecond), false},
		"year 9999":   {time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), false},
		"year 100000": {time.Date(100_000, 1, 1, 0, 0, 0, 0, time.UTC), false},
		"seconds":     {time.Unix(1<<40, 0), false},
	} {
		if l := LeaseOf(&Session{Until: test.until}, now); l.IsOver(now) != test.over || !l.Until.Equal(test.until) {
			t.Errorf("%s: got over %t until %s, want %t until %s", name, l.IsOver(now), l.Until, test.over, test.until)
		}
	}
	if l := LeaseOf(&Session{User: "42"}, now); l != nil || l.IsOver(now) {
		t.Errorf("got %+v, want no lease", l)
	}
	if l := LeaseOf(&Session{ID: "s1"}, now); l.IsOver(now.Add(1000 * time.Hour)) {
		t.Error("a lease without an end is over")
	}
}

func TestIDStandsForOneSession(t *testing.T) {
	a, b := IDOf("s1"), IDOf("s2")
	if parsed, ok := ParseID(a.String()); !ok || parsed != a || a == b {
		t.Errorf("got %x, %t for %x beside %x", parsed, ok, a, b)
	}
	for _, s := range []string{"", "s1", IDOf("").String(), a.String() + "x"} {
		if id, ok := ParseID(s); ok {
			t.Errorf("%q is %x, want none", s, id)
		}
	}
}
