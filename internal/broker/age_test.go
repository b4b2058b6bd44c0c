package broker

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestMessagesAreDroppedWithinTwoSecondsOfTheirAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Memory{Age: 10 * time.Second}
		Append(m, [][]byte{[]byte("a"), []byte("b")})
		<-time.After(900 * time.Millisecond)
		Append(m, [][]byte{[]byte("c")}) // within the same second

		<-time.After(10 * time.Second)
		if Trim(m, time.Now()); m.records.Len() != 3 {
			t.Errorf("%d messages are left after 10 s, want 3", m.records.Len())
		}
		<-time.After(2 * time.Second)
		if more := Trim(m, time.Now()); more || m.records.Len() != 0 {
			t.Errorf("%d messages are left after 12 s, want none", m.records.Len())
		}
		Append(m, [][]byte{[]byte("d")})
		if m.next != 5 || string(m.message(4)) != "d" {
			t.Errorf("the next offset is %d, want 5", m.next)
		}
	})
}

func TestOldMessagesAreKeptUntilAllFollowersHaveReadThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Memory{Age: time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		blocked := make(chan struct{})
		go func() { _ = Follow(ctx, m, time.Hour, func([]Delivery) { <-blocked }) }()
		go func() { _ = Follow(ctx, m, time.Hour, func([]Delivery) {}) }()
		synctest.Wait()
		Append(m, [][]byte{[]byte("a")})

		<-time.After(time.Minute)
		if Trim(m, time.Now()); m.records.Len() != 1 {
			t.Error("the message was dropped before a follower had read it")
		}
		close(blocked)
		synctest.Wait()
		if Trim(m, time.Now()); m.records.Len() != 0 {
			t.Error("the message is still there")
		}
		cancel()
	})
}

// One step does not hold the lock for as long as the log is long.
func TestTrimDropsInSteps(t *testing.T) {
	m := &Memory{Age: time.Second}
	for range 2*trimStep + 1 {
		Append(m, [][]byte{[]byte("a")})
	}
	late := time.Now().Add(time.Hour)

	for _, want := range []int{trimStep + 1, 1, 0} {
		if more := Trim(m, late); m.records.Len() != want || more != (want > 0) {
			t.Errorf("%d messages are left, more is %t, want %d", m.records.Len(), more, want)
		}
	}
}

// What is needed of the log before says nothing about the next one, until the
// follower has read from it.
func TestNeededOffsetIsOfTheLogThatWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var needed atomic.Uint64
		m := NewMemory(100, 0, 0, nil, &needed)
		ctx, cancel := context.WithCancel(t.Context())
		reading := make(chan struct{})
		go func() {
			_ = Follow(ctx, m, time.Hour, func(batch []Delivery) {
				<-reading
				needed.Store(batch[len(batch)-1].Offset) // the last one is needed
			})
		}()
		five := [][]byte{{1}, {2}, {3}, {4}, {5}}
		Append(m, five)
		reading <- struct{}{}
		synctest.Wait()
		if Trim(m, time.Now()); m.first() != 5 {
			t.Errorf("the log begins at %d, want 5", m.first())
		}

		Renew(m)
		Append(m, five)
		synctest.Wait()
		if Trim(m, time.Now()); m.first() != 1 {
			t.Errorf("the next log begins at %d before it was read, want 1", m.first())
		}
		reading <- struct{}{}
		synctest.Wait()
		if Trim(m, time.Now()); m.first() != 5 {
			t.Errorf("the next log begins at %d, want 5", m.first())
		}
		cancel()
	})
}

func TestLogBecomesOldAlthoughTheClockWasSetBack(t *testing.T) {
	const second = int64(time.Second)
	m := &Memory{Age: 10 * time.Second}
	for at := range int64(10) {
		m.ensureEpoch()
		m.push((1_000_000+at)*second, []byte("a"))
	}
	m.push(1000*second, []byte("b"))

	if m.trim(1009*second, trimStep); m.records.Len() != 11 {
		t.Errorf("%d messages are left after 9 s, want 11", m.records.Len())
	}
	if got := m.since(1000 * second); got != 1 {
		t.Errorf("the last second begins at %d, want 1", got)
	}
	if m.trim(1012*second, trimStep); m.records.Len() != 0 {
		t.Errorf("%d messages are left after 12 s, want none", m.records.Len())
	}
}
