package hub

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// FuzzApply gives a hub a log of foreign messages. The hub must work whatever
// they contain.
func FuzzApply(f *testing.F) {
	now := time.Now()
	target := event.Tag("T").Or(event.Shared())
	raw := binary.AppendUvarint(envelope.AppendHeader(nil, envelope.KindEvent, now), 1<<40)
	raw = append(event.AppendTarget(raw, "", &target), `"module_id":"tasks"}`...)
	envelope.Stamp(raw, "somebody", 1)
	for k := envelope.KindEvent; k <= envelope.KindOffline; k++ {
		f.Add(raw, envelope.Control(k, now, "1", "log.1", "T"), uint64(1), uint64(2))
	}
	f.Add(raw, raw, uint64(1), uint64(9))
	f.Add(raw, raw, ^uint64(0), uint64(0))
	f.Fuzz(func(t *testing.T, first, second []byte, offset, next uint64) {
		h, d := newHub(func(c *Config) { c.WindowCount, c.WindowBytes = 3, 500 })
		page := newPage(h, "1", plain{})
		d.Dispatch([]broker.Delivery{delivery("log", offset, first)})
		if err := h.Join(page, nil, 0); err != nil {
			t.Fatal(err)
		}
		d.Dispatch([]broker.Delivery{delivery("log", next, second), delivery("log", next+1, first), delivery("other", offset, second), delivery("other", offset+1, second)})
		back := newPage(h, "1", plain{})
		if err := h.Join(back, &envelope.Cursor{Epoch: "other", Offset: offset}, h.Disconnects()); err != nil {
			t.Fatal(err)
		}
		h.Sweep(time.Now())
		h.SweepPresence(time.Now().Add(time.Hour))
	})
}

// The messages of the same batch are older than the position that the gap names.
func TestGapByALateGrantFollowsTheMessagesUnderWay(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w, transport := new(writer), new(recorder)
	d.Dispatch([]broker.Delivery{w.message(event.User("2"), "first")})
	page := newPage(h, "1", transport)
	if err := h.Join(page, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil {
		t.Fatal(err)
	}
	page.Flush() // hello has left

	d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "overtook"), w.message(event.User("1"), "under way"), w.grant("1", "log.1", "T")})

	message, gap := transport.find(page, "under way"), transport.find(page, `"recovered":false`)
	if message < 0 || gap < message {
		t.Errorf("got the message at place %d and the gap at %d, want both, and the gap later", message, gap)
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
		h.restartLog(delivery("next", 5, batch[0].Raw))
	}
	page.Flush()
	page.Remind(new(conn.Nonblocking), "next", 5)

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
