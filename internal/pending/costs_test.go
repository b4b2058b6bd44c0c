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

func newNoteToEveryone(l *pending.List, id, owner string) *pending.Note {
	n := &pending.Note{Notification: notification.New(notification.Push{Title: id}, id, start), Owner: owner, Everyone: true}
	l.Begin(n)
	return n
}

// A node whose notifications were claimed, because it was cut off, sends them no more.
func TestFormerOwnerSendsNothing(t *testing.T) {
	t.Parallel()
	l := pending.NewList("self")
	l.Add(newNote(l, "log.1", "", "self"), "42", start, false)

	l.Claim([]string{"self"}, "other")

	if got := due(l, start); len(got) > 0 {
		t.Errorf("got %v to send, want nothing", got)
	}
}

// What another node never says to be done does not stay for ever.
func TestNotificationsOfOthersExpire(t *testing.T) {
	t.Parallel()
	l := pending.NewList("self")
	l.Add(newNote(l, "log.1", "", "other"), "42", start, false)

	l.Expire(start.Add(13*time.Hour), 1000)

	if l.Len() != 0 {
		t.Errorf("got %d notifications that wait an hour after they have expired", l.Len())
	}
}

// Nobody waits longer than until the notification expires.
func TestPatienceBeyondTheEnd(t *testing.T) {
	t.Parallel()
	l := pending.NewList("self")
	l.Add(newNote(l, "log.1", "", "self"), "42", start.Add(1000*time.Hour), false)

	due(l, start.Add(13*time.Hour))

	if l.Len() != 0 {
		t.Errorf("got %d notifications that wait an hour after they have expired", l.Len())
	}
}

// What is sent to everyone in parts needs memory for the parts.
func TestMemoryOfANoteToEveryone(t *testing.T) {
	l := pending.NewList("self")
	n := newNoteToEveryone(l, "log.1", "self")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const users = 300_000
	for i := range users {
		l.Add(n, strconv.Itoa(i), start, false)
		if i%500 == 499 {
			for _, e := range l.Due(start, 500, nobodyLooks, time.Minute) {
				l.Finish(e, 0, start)
			}
			for more := true; more; {
				_, more = l.TakeMarks(500)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if per := float64(after.HeapAlloc-before.HeapAlloc) / users; l.Len() > 0 || per > 20 {
		t.Errorf("%.0f bytes per user who was notified, and %d wait", per, l.Len())
	}
	runtime.KeepAlive(l)
}

// While everyone is notified, a look costs as much as ever, however much waits.
func BenchmarkLookedWhileEveryoneIsNotified(b *testing.B) {
	for _, waiting := range []int{100, 100_000} {
		b.Run(strconv.Itoa(waiting), func(b *testing.B) {
			l := pending.NewList("self")
			newNoteToEveryone(l, "log.0", "self")
			for i := range waiting {
				l.Add(newNote(l, fmt.Sprint("log.", i+1), "", "other"), "user "+strconv.Itoa(i), start, false)
			}
			for b.Loop() {
				l.Looked("42", func(*pending.Note) bool { return true })
				l.Search(func(*pending.Note) bool { return true })
			}
		})
	}
}

// A node that was cut off while it searched for recipients finds none any more once
// another node has notified them.
func TestSearchEndsWhenAnotherNodeHasFinished(t *testing.T) {
	t.Parallel()
	l := pending.NewList("self")
	n := newNoteToEveryone(l, "log.1", "self")

	l.Claim([]string{"self"}, "other")
	l.Notified([]string{"log.1\n"})

	if !n.IsOver(start) || n.Wants("42") {
		t.Error("the search goes on")
	}
}
