package hub

import (
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/grant"
	"github.com/echo-pull/pull/internal/protocol"
)

// A page that reads the window after the log became another one gets what is for
// its own watches, although the offsets are smaller.
func TestWatchesOfPagesMoveToAnotherLog(t *testing.T) {
	h, d := newHub(func(*Config) {})
	var w writer
	for range 10 {
		d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
	}
	p := newPage(h, "", discard{})
	presented := []Presented{{Grant: grant.Grant{ID: 1, From: envelope.Cursor{Epoch: "log", Offset: 10}, Tags: []string{"T"}}}}
	if err := h.JoinWatching(p, nil, 0, presented, nil); err != nil {
		t.Fatal(err)
	}

	d.Dispatch([]broker.Delivery{delivery("another", 1, w.message(event.User("other"), "x").Raw), delivery("another", 2, w.message(event.Tag("T"), "x").Raw)})

	if m := h.history.At(2); !h.isForPage(m, p, time.Now().Unix()) {
		t.Error("a message to the tag in the new log is not for the page, want it to be")
	}
}

// What nodes publish is bounded, whatever a node receives.
func TestNodeRemembersABoundedNumberOfWatchesOfPages(t *testing.T) {
	var p peerPages
	list := []string{"=1\nA"}
	for range maxPeerItems + 10 {
		list = append(list, "+"+envelope.NewID())
	}

	p.apply(list)
	if got := 1 + len(p.tags["A"].users); got != maxPeerItems || p.items != got {
		t.Errorf("got %d tags and users, counted as %d, want %d", got, p.items, maxPeerItems)
	}
	p.apply([]string{"=1\nB", "+x", "", "?", "=\n", "-y"})
	p.apply([]string{"=0\nA", "=2\nB", "+x", "+x", "-x", "-x"})

	if p.tags["A"] != nil || p.items != 1 || p.tags["B"].pages != 2 {
		t.Errorf("got %+v, want one tag with two pages and nobody", p)
	}
}

// A late watch of the user makes a message the page's that it has passed. A grant of the page
// that begins before the message is a gap: the page was not given it.
func TestLateWatchOfTheUserHidesNoGapOfAPage(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w, r := new(writer), new(recorder)
	d.Dispatch([]broker.Delivery{w.message(event.User("9"), "first")})
	p := newPage(h, "1", r)
	if err := h.Join(p, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil {
		t.Fatal(err)
	}
	p.Flush()
	d.Dispatch([]broker.Delivery{w.message(event.User("9"), "second")})
	d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "lost"), w.message(event.User("1"), "later")})
	d.Dispatch([]broker.Delivery{w.grant("1", "log.2", "T")})
	presented := []Presented{{Grant: grant.Grant{ID: 7, From: envelope.Cursor{Epoch: "log", Offset: 2}, Tags: []string{"T"}}}}

	h.WatchPage(p, presented)

	if at := r.find(p, "lost"); at >= 0 || presented[0].State != protocol.GrantGap {
		t.Errorf("the state is %q, and the message is at %d of what the page got, want a gap without it", presented[0].State, at)
	}
}

// A late watch makes a message the user's that a page has passed, without promising it to the
// page. Another late watch that does promise it is a gap.
func TestLateWatchHidesNoGapOfAnother(t *testing.T) {
	both := event.Tag("T", "U")
	for _, test := range []struct {
		name  string
		first string // the position from which the first watch counts
		send  func(*writer) []broker.Delivery
	}{
		{"the same message", "log.2", func(w *writer) []broker.Delivery {
			return []broker.Delivery{w.message(both, "lost")}
		}},
		{"one that replaces it", "log.3", func(w *writer) []broker.Delivery {
			return []broker.Delivery{w.kept(t, both, "K", "", time.Hour), w.kept(t, both, "K", "", time.Hour)}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, d := newHub(func(*Config) {})
			w, r := new(writer), new(recorder)
			d.Dispatch([]broker.Delivery{w.message(event.User("9"), "first")})
			p := newPage(h, "1", r)
			if err := h.Join(p, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil {
				t.Fatal(err)
			}
			p.Flush()
			d.Dispatch([]broker.Delivery{w.message(event.User("9"), "second")})
			d.Dispatch(append(test.send(w), w.message(event.User("1"), "last")))
			d.Dispatch([]broker.Delivery{w.grant("1", test.first, "T")})
			if r.find(p, `"recovered":false`) >= 0 {
				t.Fatal("the page is notified of a gap, though it was rendered before the first watch")
			}

			d.Dispatch([]broker.Delivery{w.grant("1", "log.1", "U")})

			if r.find(p, `"recovered":false`) < 0 || r.find(p, "lost") >= 0 {
				t.Errorf("got %q, want a gap", r.frames)
			}
		})
	}
}
