package hub

import (
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// Whoever is to be notified of a gap gets nothing of what follows the watch before that: a page
// that loses its connection in between would come back from beyond the watch.
func TestNothingOvertakesTheGapOfALateWatch(t *testing.T) {
	for _, behind := range []bool{false, true} {
		h, d := newHub(func(*Config) {})
		w, r := new(writer), new(recorder)
		d.Dispatch([]broker.Delivery{w.message(event.User("9"), "first")})
		d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "lost"), w.message(event.User("1"), "last")})
		p := newPage(h, "1", r)
		if err := h.Join(p, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil {
			t.Fatal(err)
		}
		p.Flush()
		p.behind = behind
		round, _, _ := h.apply([]broker.Delivery{w.message(event.User("1"), "before"), w.grant("1", "log.1", "T"), w.message(event.User("1"), "after")})
		more := h.readNext(p)

		d.deliver(round)
		p.Flush()

		if len(more.messages) > 0 || r.find(p, "before") >= 0 || r.find(p, "after") >= 0 || r.find(p, `"recovered":false`) < 0 {
			t.Errorf("behind %t: got %d messages from the window, and %q, want only the gap", behind, len(more.messages), r.frames)
		}
	}
}

// A page has everything up to the settled position until a grant comes late. A client
// drops a message that comes after a tick with a later position.
func TestNoTickOvertakesTheMessagesOfALateGrant(t *testing.T) {
	for name, size := range map[string]int{"delivered": 1, "read from the window": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			h, d := newHub(func(*Config) {})
			w, transport := new(writer), new(recorder)
			d.Dispatch([]broker.Delivery{w.message(event.User("2"), "first")})
			page := newPage(h, "1", transport)
			if err := h.Join(page, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil {
				t.Fatal(err)
			}
			page.Flush() // hello has left
			d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "overtook"+strings.Repeat("x", size)), w.message(event.User("2"), "last")})

			round, _, _ := h.apply([]broker.Delivery{w.grant("1", "log.1", "T")})
			h.SendTicks(new(conn.Nonblocking), int(page.slot))
			d.deliver(round)

			tick, message := transport.find(page, `"command":"tick"`), transport.find(page, "overtook")
			if message < 0 || tick >= 0 && tick < message {
				t.Errorf("got the message at place %d and a tick at %d, want the message, and no tick before it", message, tick)
			}
		})
	}
}

// The log breaks after a part of a replay was read from the window and before it
// was written.
func TestReplayUnderWayDoesNotMoveThePageInTheNextLog(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w := new(writer)
	batch := []broker.Delivery{w.message(event.User("2"), "first")}
	for range 200 {
		batch = append(batch, w.message(event.User("1"), strings.Repeat("x", 4<<10)))
	}
	d.Dispatch(batch)
	transport := new(recorder)
	o := newOwner(h, "1", transport)
	page := &o.page
	if err := h.Join(page, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil || !page.behind {
		t.Fatalf("got %v, behind %t, want a page that has more to read", err, page.behind)
	}

	o.afterRead = func() {
		o.afterRead = nil
		_ = h.restartLog(delivery("next", 5, batch[0].Raw))
	}
	page.Flush()
	page.SendTick(new(conn.Nonblocking), "next", 5)

	if transport.find(page, `"command":"tick","params":{"epoch":"next","offset":5}`) < 0 {
		t.Errorf("got %q, want a position of the next log, which begins at 5", transport.frames)
	}
}

// The page moves to the position of the gap. What it still had to read from the
// window is older.
func TestGapEndsAReplay(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w := new(writer)
	batch := []broker.Delivery{w.message(event.User("2"), "first"), w.message(event.Tag("T"), "overtook")}
	for range 200 {
		batch = append(batch, w.message(event.User("1"), strings.Repeat("x", 4<<10)))
	}
	d.Dispatch(batch)
	transport := new(recorder)
	page := newPage(h, "1", transport)
	if err := h.Join(page, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil || !page.behind {
		t.Fatalf("got %v, behind %t, want a page that has more to read", err, page.behind)
	}

	d.Dispatch([]broker.Delivery{w.grant("1", "log.1", "T")})

	if transport.find(page, `"recovered":false`) < 0 {
		t.Fatal("the page was not notified of the gap")
	}
	if items, _ := h.ReadOn(page); len(items) > 0 {
		t.Errorf("got %d messages up to %d after the page was notified of a gap up to %d", len(items), items[len(items)-1].Last, w.seq)
	}
}

// A node that has not read a grant before the log was lost never will. The page that the
// next request renders may connect to that node, so its grant must be in the new log.
func TestGrantIsRepeatedInANewLog(t *testing.T) {
	h, d := newHub(func(*Config) {})
	var w writer
	d.Dispatch([]broker.Delivery{w.message(event.User("1"), "first"), w.grant("1", "log.1", "T")})
	if again, err := h.TagsToGrant("1", h.Cursor(), []string{"T"}, time.Now()); err != nil || len(again) > 0 {
		t.Fatalf("got %v and %v, want no grant: there was one a moment ago", again, err)
	}

	d.Dispatch([]broker.Delivery{delivery("next", 1, w.message(event.User("1"), "second").Raw)})

	if again, err := h.TagsToGrant("1", h.Cursor(), []string{"T"}, time.Now()); err != nil || len(again) != 1 {
		t.Errorf("got %v and %v, want another grant: the last one was in the log that is lost", again, err)
	}
}
