package pending_test

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/internal/pending"
)

var start = time.Unix(1_700_000_000, 0)

func newNote(l *pending.List, id, tag, owner string) *pending.Note {
	n := &pending.Note{Notification: notification.New(notification.Push{Title: id, Tag: tag}, id, start), Owner: owner}
	l.Begin(n)
	return n
}

func nobodyLooks(string) bool { return false }

// due returns the ids of what is due at a time.
func due(l *pending.List, at time.Time) (ids []string) {
	for _, e := range l.Due(at, 1000, nobodyLooks, time.Minute) {
		ids = append(ids, e.User+" "+e.Note.ID)
		l.Finish(e, 0, at)
	}
	return ids
}

func TestUserHasABoundedNumberOfNotifications(t *testing.T) {
	t.Parallel()
	l := pending.NewList("self")
	for i := range pending.MaxPerUser + 10 {
		l.Add(newNote(l, fmt.Sprint("log.", i), "", "self"), "42", start, false)
	}

	ids := due(l, start)

	if len(ids) != pending.MaxPerUser || l.Dropped != 10 || ids[0] == "42 log.0" {
		t.Errorf("got %d notifications and %d dropped, want %d and 10, the newest ones", len(ids), l.Dropped, pending.MaxPerUser)
	}
}

func TestListIsBounded(t *testing.T) {
	t.Parallel()
	l := pending.NewList("self")
	n := newNote(l, "log.1", "", "self")
	for i := range pending.MaxEntries + 7 {
		l.Add(n, strconv.Itoa(i), start, false)
	}

	if l.Len() != pending.MaxEntries || l.Dropped != 7 {
		t.Errorf("got %d notifications and %d dropped, want %d and 7", l.Len(), l.Dropped, pending.MaxEntries)
	}
}

// A list that has nothing left holds no memory of what there was.
func TestListForgets(t *testing.T) {
	t.Parallel()
	l := pending.NewList("self")
	for i := range 1000 {
		n := newNote(l, fmt.Sprint("log.", i), "", []string{"self", "other"}[i%2])
		l.Add(n, "42", start, i%3 == 0)
		l.Add(n, strconv.Itoa(i), start.Add(time.Second), false)
		l.End(n)
		l.Looked("42", func(*pending.Note) bool { return true })
		l.Notified([]string{n.ID + "\n" + strconv.Itoa(i), "log.unknown\n", "", "\n"})
	}
	l.Due(start.Add(time.Hour), 10_000, nobodyLooks, time.Minute)
	for more := true; more; {
		_, more = l.TakeMarks(100)
	}

	if left := l.Orphans(func(string) bool { return true }); l.Len() != 0 || len(left) != 0 || l.HasMarks() {
		t.Errorf("got %d notifications, and notes of %v, want none", l.Len(), left)
	}
}

// Of two nodes that claim the same notifications, one gets them.
func TestFirstClaimCounts(t *testing.T) {
	t.Parallel()
	for _, self := range []string{"a", "b"} {
		l := pending.NewList(self)
		l.Add(newNote(l, "log.1", "", ""), "42", start, false)

		l.Claim([]string{""}, "a")
		l.Claim([]string{""}, "b")

		if got := due(l, start); len(got) > 0 != (self == "a") {
			t.Errorf("node %s got %v to send", self, got)
		}
	}
}

// The user looks at the moment of sending: the notification is not sent, whether or
// not the page is still there later.
func TestLookAtTheMomentOfSending(t *testing.T) {
	t.Parallel()
	l := pending.NewList("self")
	l.Add(newNote(l, "log.1", "", "self"), "42", start, false)

	got := l.Due(start, 10, func(user string) bool { return user == "42" }, time.Minute)

	if got = append(got, l.Due(start.Add(time.Hour), 10, nobodyLooks, time.Minute)...); len(got) != 0 || l.Len() != 0 {
		t.Errorf("got %d notifications to send and %d that wait, want none", len(got), l.Len())
	}
}

// BenchmarkWaiting measures the memory of notifications that wait, each of its own
// event, as "B/waiting".
func BenchmarkWaiting(b *testing.B) {
	const waiting = 10_000
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		l := pending.NewList("self")
		for i := range waiting {
			l.Add(newNote(l, fmt.Sprint("0123456789abcdef.", i), "im-7", "self"), fmt.Sprint("user ", i), start, false)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/waiting, "B/waiting")
		runtime.KeepAlive(l)
	}
}
