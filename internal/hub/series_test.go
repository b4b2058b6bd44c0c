package hub

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// kept returns an event of which only the last is kept, from the page with the name.
func (w *writer) kept(t *testing.T, to event.Target, key, sender string, ttl time.Duration) broker.Delivery {
	t.Helper()
	e := event.Event{Module: "tasks", Command: "update", Key: key, Keep: event.Last, TTL: ttl, Params: w.seq + 1}
	var raw []byte
	err := event.Encode(&to, &e, sender, 1<<20, func(b []byte) error {
		raw = slices.Clone(b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w.next(raw)
}

// replayed returns the offsets that a page gets from the window after an offset.
func replayed(t *testing.T, h *Hub, p *Page, after uint64) (offsets []uint64) {
	t.Helper()
	w, err := h.addPage(p, &envelope.Cursor{Epoch: "log", Offset: after}, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for r := w.missed; ; {
		for i := range r.messages {
			offsets = append(offsets, r.messages[i].Offset)
		}
		if !r.more {
			return offsets
		}
		h.mu.Lock()
		r = h.readWindow(p)
		h.mu.Unlock()
	}
}

// What is replayed of a series is the last event that is for the page.
func TestOnlyTheLastOfASeriesIsReplayed(t *testing.T) {
	user, other := event.User("1"), event.User("1").Or(event.User("2").Except("3"))
	shared := event.Shared()
	for _, test := range []struct {
		name   string
		events func(t *testing.T, w *writer) []broker.Delivery
		want   []uint64
	}{
		{"of one series", func(t *testing.T, w *writer) []broker.Delivery {
			t.Helper()
			return []broker.Delivery{w.kept(t, user, "a", "", 0), w.kept(t, user, "a", "", 0), w.kept(t, user, "a", "", 0)}
		}, []uint64{4}},
		{"of two keys", func(t *testing.T, w *writer) []broker.Delivery {
			t.Helper()
			return []broker.Delivery{w.kept(t, user, "a", "", 0), w.kept(t, user, "b", "", 0), w.kept(t, user, "a", "", 0)}
		}, []uint64{3, 4}},
		{"of two targets", func(t *testing.T, w *writer) []broker.Delivery {
			t.Helper()
			return []broker.Delivery{w.kept(t, user, "a", "", 0), w.kept(t, other, "a", "", 0), w.kept(t, shared, "a", "", 0), w.kept(t, user, "a", "", 0)}
		}, []uint64{3, 4, 5}},
		{"that is not the page's own", func(t *testing.T, w *writer) []broker.Delivery {
			t.Helper()
			return []broker.Delivery{w.kept(t, user, "a", "", 0), w.kept(t, user, "a", "", 0), w.kept(t, user, "a", "c/1", 0)}
		}, []uint64{3}},
		{"of which the first is the page's own", func(t *testing.T, w *writer) []broker.Delivery {
			t.Helper()
			return []broker.Delivery{w.kept(t, user, "a", "c/1", 0), w.kept(t, user, "a", "", 0), w.kept(t, user, "a", "c/1", 0)}
		}, []uint64{3}},
		{"beside events without Keep", func(t *testing.T, w *writer) []broker.Delivery {
			t.Helper()
			return []broker.Delivery{w.message(user, "m"), w.kept(t, user, "a", "", 0), w.message(user, "m"), w.kept(t, user, "a", "", 0), w.message(user, "m")}
		}, []uint64{2, 4, 5, 6}},
		{"to a tag that the user watches no longer", func(t *testing.T, w *writer) []broker.Delivery {
			t.Helper()
			return []broker.Delivery{
				w.grant("1", "log.1", "T"), w.kept(t, event.Tag("T"), "a", "", 0), w.kept(t, event.Tag("T"), "a", "", 0),
				w.next(envelope.Control(envelope.KindUnwatch, time.Now(), "1", "T")), w.kept(t, event.Tag("T"), "a", "", 0),
			}
		}, []uint64{4}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, d := newHub(func(*Config) {})
			w := new(writer)
			d.Dispatch([]broker.Delivery{w.message(event.User("9"), "first")})
			d.Dispatch(test.events(t, w))
			page := newPage(h, "1", new(recorder))
			page.Client = "c"

			if got := replayed(t, h, page, 1); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if want := h.history.Last(); page.last > want || page.behind {
				t.Errorf("the page is at %d, behind %t, want it at the end, %d", page.last, page.behind, want)
			}
		})
	}
}

// An event that has expired is not replayed, and brings none back that it has replaced.
func TestExpiredEventStillReplaces(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w := new(writer)
	d.Dispatch([]broker.Delivery{w.message(event.User("9"), "first"), w.kept(t, event.User("1"), "a", "", time.Hour), w.kept(t, event.User("1"), "a", "", time.Nanosecond)})
	page := newPage(h, "1", new(recorder))
	for i := range 2 {
		m := *h.history.At(uint64(2 + i))
		expired := int64(envelope.Expires(m.Raw())) <= time.Now().Add(time.Minute).Unix()
		if expired != (i == 1) {
			t.Fatalf("event %d expires at %d", i, envelope.Expires(m.Raw()))
		}
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	if later := time.Now().Add(time.Minute).Unix(); h.isForPage(h.history.At(2), page, later) || h.isForPage(h.history.At(3), page, later) {
		t.Error("the page gets one of the events, want none")
	}
}

// A page that reads slowly gets each event if it is live, and the last one if it reads
// the window.
func TestLivePageGetsEachOfASeries(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w, transport := new(writer), new(recorder)
	page := newPage(h, "1", transport)
	d.Dispatch([]broker.Delivery{w.message(event.User("9"), "first")})
	if err := h.Join(page, nil, 0); err != nil {
		t.Fatal(err)
	}
	page.Flush()

	d.Dispatch([]broker.Delivery{w.kept(t, event.User("1"), "a", "", 0), w.kept(t, event.User("1"), "a", "", 0)})

	for offset := 2; offset <= 3; offset++ {
		if transport.find(page, "["+strconv.Itoa(offset)+",") < 0 {
			t.Errorf("the page did not get event %d", offset)
		}
	}
}

// BenchmarkReplaySeries reads a window of 10,000 events for one page: without Keep,
// and with it, of 100 keys or of one.
func BenchmarkReplaySeries(b *testing.B) {
	for _, row := range []struct {
		name string
		keys int
		keep event.Keep
	}{{"KeepAll", 100, event.KeepAll}, {"Last of 100 keys", 100, event.Last}, {"Last of one key", 1, event.Last}, {"Last of own keys", 10_000, event.Last}} {
		b.Run(row.name, func(b *testing.B) {
			h, d := newHub(func(*Config) {})
			w := new(writer)
			d.Dispatch([]broker.Delivery{w.message(event.User("9"), "first")})
			to := event.User("1")
			for i := range 10_000 {
				e := event.Event{Module: "tasks", Command: "update", Key: strconv.Itoa(i % row.keys), Keep: row.keep}
				_ = event.Encode(&to, &e, "", 1<<20, func(raw []byte) error {
					d.Dispatch([]broker.Delivery{w.next(slices.Clone(raw))})
					return nil
				})
			}
			page := newPage(h, "1", new(discard))
			b.ReportAllocs()
			for b.Loop() {
				page.last, page.behind = 1, true
				for more := true; more; {
					var items []conn.Item
					items, more = h.ReadOn(page)
					_ = items
				}
			}
		})
	}
}
