package hub

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/session"
)

// FuzzSessionMessage reads what the log may contain. What the plugin has written means the
// same when it is read.
func FuzzSessionMessage(f *testing.F) {
	for _, s := range []string{"42|me|0123456789abcdef|1795452000|5", "42|me|||", "|me||-1|0", "42|me|short|1|1", "42|me||x|1", "42|me||1|", "", "|", "||||||", "42|me||9223372036854775807|9223372036854775807"} {
		f.Add(s)
	}
	now := time.Now()
	f.Fuzz(func(t *testing.T, s string) {
		list := strings.Split(s, "|")
		l, ok := parseSession(list, now)
		if !ok {
			return
		}
		e, err := envelope.Parse(SessionMessage(list[0], list[1], l, now))
		if err != nil {
			t.Fatal(err)
		}
		again, ok := parseSession(e.List, now)
		if !ok || !reflect.DeepEqual(l, again) {
			t.Errorf("got %+v, %t, want %+v", again, ok, l)
		}
	})
}

// All is in one batch: the connection is closed only after it.
func TestNothingAfterTheEndOfASessionIsDelivered(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w, wire := new(writer), new(recorder)
	d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
	p := newPage(h, "1", wire)
	h.SetLease(p, session.NewLease(session.IDOf("s1"), time.Time{}, time.Now()))
	if err := h.Join(p, nil, 0); err != nil {
		t.Fatal(err)
	}
	p.Flush()
	d.Dispatch([]broker.Delivery{
		w.message(event.User("1"), "before"),
		w.next(envelope.Control(envelope.KindEndSession, time.Now(), session.IDOf("s1").String(), "name")),
		w.message(event.User("1"), "after"),
	})

	if before, after := wire.find(p, "before"), wire.find(p, "after"); before < 0 || after >= 0 {
		t.Errorf("before at %d, after at %d, want only what was sent before the end", before, after)
	}
	if len(h.Pages()) > 0 || wire.find(p, "session over") < 0 {
		t.Errorf("got %q, want the connection closed", wire.frames)
	}
}

// The end comes after the page was added, and before its replay is queued.
func TestEndBeforeTheWelcomeSendsNoReplay(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w, wire := new(writer), new(recorder)
	d.Dispatch([]broker.Delivery{w.message(event.User("1"), "one"), w.message(event.User("1"), "missed")})
	p := newPage(h, "1", wire)
	h.SetLease(p, session.NewLease(session.IDOf("s1"), time.Time{}, time.Now()))
	err := h.JoinWatching(p, &envelope.Cursor{Epoch: "log", Offset: 1}, 0, nil, func() []byte {
		for _, page := range h.EndSession(session.IDOf("s1")) {
			page.CloseNow(conn.SessionOver, sessionOver)
		}
		return []byte("{}")
	})

	if missed, end := wire.find(p, "missed"), wire.find(p, "session over"); err != nil || missed >= 0 || end < 0 {
		t.Errorf("got %q, %v, want the close message alone", wire.frames, err)
	}
}

// A page whose connection is still open must not read on.
func TestPageOfAnEndedSessionReadsNoFurther(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w := new(writer)
	d.Dispatch([]broker.Delivery{w.message(event.User("1"), "one"), w.message(event.User("1"), "two")})
	p := newPage(h, "1", plain{})
	h.SetLease(p, session.NewLease(session.IDOf("s1"), time.Time{}, time.Now()))
	if err := h.Join(p, nil, 0); err != nil {
		t.Fatal(err)
	}
	p.behind, p.last = true, 1
	h.EndSession(session.IDOf("s1"))

	if items, more := h.ReadOn(p); len(items) > 0 || more {
		t.Errorf("got %d items, want none", len(items))
	}
}

func TestEndsAreForgottenAfterAMinute(t *testing.T) {
	var e ends
	a, b, now := session.IDOf("a"), session.IDOf("b"), time.Now()
	e.add(a, now.Add(time.Minute))
	e.add(b, now.Add(time.Minute))
	e.add(a, now.Add(2*time.Minute)) // again
	e.add(a, now.Add(time.Second))   // an older message of the log
	e.expire(now.Add(61 * time.Second))
	if !e.has(a) || e.has(b) {
		t.Errorf("got %t and %t, want only the one that was ended again", e.has(a), e.has(b))
	}
	e.expire(now.Add(121 * time.Second))
	if len(e.until) > 0 || e.expiry.Len() > 0 {
		t.Errorf("%d and %d are left, want none", len(e.until), e.expiry.Len())
	}
}
