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

// FuzzApply gives a node a log of foreign messages: whatever is in it, the node
// goes on.
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
		n, d := bareNode(func(c *Config) { c.WindowCount, c.WindowBytes = 3, 500 })
		page := newSession(n, "1", deaf{})
		d.Dispatch([]broker.Delivery{delivery("log", offset, first)})
		if err := n.Join(page, nil, 0); err != nil {
			t.Fatal(err)
		}
		d.Dispatch([]broker.Delivery{delivery("log", next, second), delivery("log", next+1, first), delivery("other", offset, second), delivery("other", offset+1, second)})
		back := newSession(n, "1", deaf{})
		if err := n.Join(back, &envelope.Cursor{Epoch: "other", Offset: offset}, n.Disconnects()); err != nil {
			t.Fatal(err)
		}
		n.Sweep(time.Now())
		n.SweepPresence(time.Now().Add(time.Hour))
	})
}

// bareNode is a node without a plugin around it, and its dispatcher.
func bareNode(configure func(*Config)) (*Hub, *Dispatcher) {
	c := Config{
		MaxTagsPerUser: 10_000, MaxUsersPerTag: 100_000,
		WindowAge: 5 * time.Minute, WindowCount: 100_000, WindowBytes: 64 << 20,
		WatchTTL: 32 * time.Minute, Grace: 15 * time.Second, Tick: 25 * time.Second,
		Report: func(error) {}, Say: func([]byte) {}, Tell: func([]Change) {},
	}
	configure(&c)
	n := New(c, 1<<20, func(f func()) { go f() })
	return n, NewDispatcher(n, 0)
}

// deaf is a link to nobody.
type deaf struct{ conn.Transport }

func (deaf) Start(*conn.Conn)                                       {}
func (deaf) Offer(_ *conn.Nonblocking, frame []byte) int            { return len(frame) }
func (deaf) Limit(time.Duration)                                    {}
func (deaf) Cut()                                                   {}
func (deaf) AppendBegin(b []byte, _ int, _ string, _ uint64) []byte { return b }
func (deaf) AppendEnd(b []byte) []byte                              { return b }
func (deaf) AppendPing(b []byte) []byte                             { return b }
func (deaf) AppendClose(b []byte, _ int, _ string) []byte           { return b }

// A spy is a link that remembers the frames it was offered.
type spy struct {
	deaf
	frames []string
}

func (s *spy) Offer(_ *conn.Nonblocking, frame []byte) int {
	s.frames = append(s.frames, string(frame))
	return len(frame)
}

func (s *spy) WriteAll(p []byte) error {
	s.frames = append(s.frames, string(p))
	return nil
}

// hears returns the place of a text among what the page was given, -1 for none.
func (s *spy) hears(page *Page, text string) (place int) {
	page.Flush()
	return strings.Index(strings.Join(s.frames, ""), text)
}

// A writer makes envelopes as another node would send them.
type writer struct{ seq uint64 }

func (w *writer) next(raw []byte) broker.Delivery {
	w.seq++
	envelope.Stamp(raw, "somebody", w.seq)
	return delivery("log", w.seq, raw)
}

func delivery(epoch string, offset uint64, raw []byte) broker.Delivery {
	return broker.Delivery{Epoch: epoch, Offset: offset, Raw: raw}
}

func (w *writer) message(to event.Target, body string) broker.Delivery {
	raw := binary.AppendUvarint(envelope.AppendHeader(nil, envelope.KindEvent, time.Now()), 1<<40)
	return w.next(append(event.AppendTarget(raw, "", &to), `"body":"`+body+`"}`...))
}

func (w *writer) grant(user, from, tag string) broker.Delivery {
	return w.next(envelope.Control(envelope.KindWatch, time.Now(), user, from, tag))
}

// A page that is told of a gap by a late grant is told after the messages of
// the same batch, which are older than the position that it is told.
func TestGapIsToldAfterWhatIsUnderWay(t *testing.T) {
	n, d := bareNode(func(*Config) {})
	w, link := new(writer), new(spy)
	d.Dispatch([]broker.Delivery{w.message(event.User("2"), "first")})
	page := newSession(n, "1", link)
	if err := n.Join(page, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil {
		t.Fatal(err)
	}
	page.Flush() // hello has left

	d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "overtook"), w.message(event.User("1"), "under way"), w.grant("1", "log.1", "T")})

	message, gap := link.hears(page, "under way"), link.hears(page, `"recovered":false`)
	if message < 0 || gap < message {
		t.Errorf("got the message at place %d and the gap at %d, want both, and the gap later", message, gap)
	}
}

// The log breaks after a page was read from the window and before it has left.
func TestReplayUnderWayDoesNotMoveThePageInTheNextLog(t *testing.T) {
	n, d := bareNode(func(*Config) {})
	w := new(writer)
	batch := []broker.Delivery{w.message(event.User("2"), "first")}
	for range 200 {
		batch = append(batch, w.message(event.User("1"), strings.Repeat("x", 4<<10)))
	}
	d.Dispatch(batch)
	link := new(spy)
	owner := newStub(n, "1", link)
	page := &owner.session
	if err := n.Join(page, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil || !page.behind {
		t.Fatalf("got %v, behind %t, want a page that has more to read", err, page.behind)
	}

	owner.afterRead = func() {
		owner.afterRead = nil
		n.restart(delivery("next", 5, batch[0].Raw))
	}
	page.Flush()
	page.Remind(new(conn.Nonblocking), "next", 5)

	if link.hears(page, `"command":"tick","params":{"epoch":"next","offset":5}`) < 0 {
		t.Errorf("got %q, want a position of the next log, which begins at 5", link.frames)
	}
}

// It is at the position that it is told: what it was still to read from the
// window is older.
func TestGapEndsAReplay(t *testing.T) {
	n, d := bareNode(func(*Config) {})
	w := new(writer)
	batch := []broker.Delivery{w.message(event.User("2"), "first"), w.message(event.Tag("T"), "overtook")}
	for range 200 {
		batch = append(batch, w.message(event.User("1"), strings.Repeat("x", 4<<10)))
	}
	d.Dispatch(batch)
	link := new(spy)
	page := newSession(n, "1", link)
	if err := n.Join(page, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil || !page.behind {
		t.Fatalf("got %v, behind %t, want a page that has more to read", err, page.behind)
	}

	d.Dispatch([]broker.Delivery{w.grant("1", "log.1", "T")})

	if link.hears(page, `"recovered":false`) < 0 {
		t.Fatal("the page was not told of the gap")
	}
	if items, _ := n.ReadOn(page); len(items) > 0 {
		t.Errorf("got %d messages up to %d after the page was told that it is at %d", len(items), items[len(items)-1].Last, w.seq)
	}
}
