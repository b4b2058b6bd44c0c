package hub

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/explain"
	"github.com/echo-pull/pull/internal/grant"
	"github.com/echo-pull/pull/internal/session"
)

// outcomeFor returns what became of an event at the first session of a user.
func outcomeFor(h *Hub, user string, offset uint64) explain.Result {
	return explain.Explain(h.Facts(user, envelope.Cursor{Offset: offset})).Sessions[0]
}

// watchT makes a page watch T from an offset on.
func watchT(h *Hub, p *Page, from uint64) {
	h.WatchPage(p, []Presented{{Grant: grant.Grant{ID: 1, From: envelope.Cursor{Epoch: "log", Offset: from}, Tags: []string{"T"}}}})
}

// Of a series, only an event that is for the page replaces an earlier one.
func TestOnlyAnEventForThePageReplacesAnother(t *testing.T) {
	for _, watches := range []bool{false, true} {
		h, d := newHub(func(*Config) {})
		w := new(writer)
		d.Dispatch([]broker.Delivery{
			w.message(event.Shared(), "x"), w.grant("1", "log.1", "T"), w.kept(t, event.Tag("T"), "a", "", 0),
			w.next(envelope.Control(envelope.KindUnwatch, time.Now(), "1", "T")),
		})
		p := newPage(h, "1", new(recorder))
		if err := h.Join(p, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil {
			t.Fatal(err)
		}
		p.Flush()
		want := uint64(0)
		if watches {
			watchT(h, p, 4)
			want = 5
		}

		d.Dispatch([]broker.Delivery{w.kept(t, event.Tag("T"), "a", "", 0)})

		if r := outcomeFor(h, "1", 3); r.ReplacedBy != want || (r.Outcome == explain.Sent) == watches {
			t.Errorf("the page watches: %t: got %+v, want that the event at %d replaces it", watches, r, want)
		}
	}
}

// A page may present a grant when it has passed an event that the grant covers.
func TestGrantThatAPageHasPresentedTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, d := newHub(func(*Config) {})
		w := new(writer)
		d.Dispatch([]broker.Delivery{w.message(event.Shared(), "x")})
		p := joined(t, h, "1", "page")
		p.Flush()
		d.Dispatch([]broker.Delivery{w.kept(t, event.Tag("T"), "a", "", time.Second)})
		<-time.After(time.Minute)

		watchT(h, p, 1) // no gap: what it has missed has expired

		if r := outcomeFor(h, "1", 2); r.Outcome == explain.Sent || !r.TooLate || r.Covered {
			t.Errorf("got %+v, want that the watch came too late", r)
		}
	})
}

// A page whose session is over is explained although it has not left.
func TestPageWhoseSessionIsOverMayHaveWatched(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w, id := new(writer), session.ID{1}
	d.Dispatch([]broker.Delivery{w.message(event.Shared(), "x")})
	p := newPage(h, "1", new(recorder))
	h.SetLease(p, session.NewLease(id, time.Time{}, time.Now()))
	if err := h.Join(p, nil, 0); err != nil {
		t.Fatal(err)
	}
	p.Flush()
	watchT(h, p, 1)
	d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "while it watched")})
	h.EndSession(id)
	d.Dispatch([]broker.Delivery{w.message(event.Shared(), "later")})

	if r := outcomeFor(h, "1", 2); r.Outcome != explain.Perhaps || !r.Unsure {
		t.Errorf("got %+v, want that it is not known", r)
	}
	if r := outcomeFor(h, "1", 3); r.Outcome != explain.Not || r.Reason != conn.SessionOver.String() {
		t.Errorf("got %+v, want that the page did not get it, because its session is over", r)
	}
	p.CloseNow(conn.SessionOver, sessionOver)
	h.Leave(p)
	if n := len(h.Sessions("1")); n != 1 || len(h.leaving) != 0 {
		t.Errorf("got %d sessions and %d that are leaving, want the one that has ended", n, len(h.leaving))
	}
}

// What a node may have forgotten of a user's watches is not denied.
func TestWatchesThatAreNotKnownAreNotDenied(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w := new(writer)
	d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "x"), w.message(event.Tag("T"), "y"), w.message(event.Tag("T"), "z")})
	lost := func(user string, offset uint64) bool { return h.Facts(user, envelope.Cursor{Offset: offset}).Lost }

	h.watches.ended.addLoss("1", 2, time.Now().Add(time.Hour).UnixNano())

	if !lost("1", 2) || lost("1", 3) || lost("2", 2) {
		t.Error("want that a watch of user 1 may be lost that covers the event at 2, and no other")
	}
	h.ForgetWatches(time.Now().Add(time.Hour))
	if !lost("2", 3) || lost("", 3) {
		t.Error("want that any watch of a user may be lost, and none of guests")
	}
}
