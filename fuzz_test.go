package pull

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
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
		n, d := bareNode(func(c *nodeConfig) { c.windowCount, c.windowBytes = 3, 500 })
		page := newSession(n, "1", deaf{})
		d.dispatch([]broker.Delivery{delivery("log", offset, first)})
		if err := n.join(page, nil, 0); err != nil {
			t.Fatal(err)
		}
		d.dispatch([]broker.Delivery{delivery("log", next, second), delivery("log", next+1, first), delivery("other", offset, second), delivery("other", offset+1, second)})
		back := newSession(n, "1", deaf{})
		if err := n.join(back, &envelope.Cursor{Epoch: "other", Offset: offset}, n.disconnects()); err != nil {
			t.Fatal(err)
		}
		n.sweep(time.Now())
		n.sweepPresence(time.Now().Add(time.Hour))
	})
}

// bareNode is a node without a plugin around it, and its dispatcher.
func bareNode(configure func(*nodeConfig)) (*node, *dispatcher) {
	c := nodeConfig{
		maxTagsPerUser: 10_000, maxUsersPerTag: 100_000,
		windowAge: 5 * time.Minute, windowCount: 100_000, windowBytes: 64 << 20,
		watchTTL: 32 * time.Minute, grace: 15 * time.Second, tick: 25 * time.Second,
		report: func(error) {}, say: func([]byte) {}, tell: func([]change) {},
	}
	configure(&c)
	n := newNode(c, 1<<20, func(f func()) { go f() })
	return n, newDispatcher(n, 0)
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

func FuzzParseRequest(f *testing.F) {
	for _, s := range []string{
		`{"extend":["T"]}`, `{"seen":["1"]}`, `{"extend":[],"seen":[]}`, `{}`, `null`, `[]`, `{"extend":null}`, `{"extend":[null]}`,
		`{"extend":[""]}`, `{"extend":["` + strings.Repeat("x", envelope.MaxIDBytes+1) + `"]}`, `{"extend":["T"`, `{"EXTEND":["T"]}`, "\xff",
		`{"extend":[` + strings.Repeat(`"a",`, listLimit) + `"a"]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		q, err := parseRequest(frame)
		if err != nil {
			if q.Extend != nil || q.Seen != nil {
				t.Errorf("got %+v beside %v, want nothing", q, err)
			}
			return
		}
		if q.Extend == nil && q.Seen == nil || len(q.Extend) > listLimit || len(q.Seen) > listLimit {
			t.Errorf("accepted %+v", q)
		}
		for _, id := range append(q.Extend, q.Seen...) {
			if id == "" || len(id) > envelope.MaxIDBytes {
				t.Errorf("accepted the id %q", id)
			}
		}
	})
}

func FuzzDecodeState(f *testing.F) {
	content, err := encodeState(&stateImage{
		Log:     broker.Image{Epoch: "abc", First: 7, Times: []int64{1, 2}, Messages: [][]byte{[]byte("one"), []byte("two")}},
		Watches: []watchImage{{User: "1", Tag: "T", Since: 5, Until: 8, Expires: 9}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content[len(stateMagic)+sha256.Size:])
	f.Add(content[len(stateMagic)+sha256.Size : len(content)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		sum := sha256.Sum256(content) // what the file holds is what somebody has meant
		img, err := decodeState(slices.Concat([]byte(stateMagic), sum[:], content))
		if err != nil {
			if img != nil {
				t.Errorf("got an image beside %v", err)
			}
			return
		}
		goesOn(t, img)
	})
}

// goesOn fails if a node cannot live on with a state.
func goesOn(t *testing.T, img *stateImage) {
	t.Helper()
	n, d := bareNode(func(*nodeConfig) {})
	p := &Plugin{memory: new(broker.Memory), node: n}
	if err := p.adopt(img); err != nil {
		t.Fatalf("got %v for a state that was decoded", err)
	}
	if err := p.memory.Publish(t.Context(), envelope.Control(envelope.KindBeat, time.Now())); err != nil {
		t.Errorf("publish into a restored log: %v", err)
	}
	log := broker.ImageOf(p.memory)
	for i, message := range log.Messages {
		d.dispatch([]broker.Delivery{{Epoch: log.Epoch, Offset: log.First + uint64(i), Raw: message}})
	}
	if at := n.cursor(); at.Epoch != img.Log.Epoch || at.Offset > envelope.MaxOffset {
		t.Errorf("got to %s, want a position in %q", at, img.Log.Epoch)
	}
	n.sweep(time.Now())
	next := log.First + uint64(len(log.Messages))
	for i, w := range img.Watches {
		end := envelope.Control(envelope.KindUnwatch, time.Now(), w.User)
		envelope.Stamp(end, "somebody", uint64(i+1))
		d.dispatch([]broker.Delivery{{Epoch: log.Epoch, Offset: next + uint64(i), Raw: end}})
		if n.watching(w.User, []string{w.Tag})[w.Tag] {
			t.Errorf("the watch of %q by %q does not end", w.Tag, w.User)
		}
	}
	n.sweep(time.Now())
}

func FuzzClientID(f *testing.F) {
	for _, id := range []string{"", "abc", "a-b_c", "a.b", "a b", "ü", strings.Repeat("x", clientBytes), strings.Repeat("x", clientBytes+1), "a\x00"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		want := id != "" && len(id) <= clientBytes &&
			strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
		if got := validClient(id); got && !want || !got && want && !strings.ContainsAny(id, ".") {
			t.Errorf("validClient(%q): got %t, want %t", id, got, want)
		}
	})
}

func FuzzCanonicalOrigin(f *testing.F) {
	for _, s := range []string{
		"https://a.test", "HTTPS://A.test:443", "http://a.test:80", "http://a.test:8080", "null", "", "wss://a.test", "https://[::1]:443",
		"https://a.test:443:443", "://", "http://a.test:", "http://user@a.test", "https://a.test/path", "%zz", "http://a.test\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, err := canonicalOrigin(s)
		if err != nil {
			return
		}
		if twice, err := canonicalOrigin(once); twice != once || err != nil {
			t.Errorf("canonicalOrigin(%q): got %q and of that %q and %v, want a fixed form", s, once, twice, err)
		}
	})
}

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
func (s *spy) hears(page *session, text string) (place int) {
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
	n, d := bareNode(func(*nodeConfig) {})
	w, link := new(writer), new(spy)
	d.dispatch([]broker.Delivery{w.message(event.User("2"), "first")})
	page := newSession(n, "1", link)
	if err := n.join(page, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil {
		t.Fatal(err)
	}
	page.Flush() // hello has left

	d.dispatch([]broker.Delivery{w.message(event.Tag("T"), "overtook"), w.message(event.User("1"), "under way"), w.grant("1", "log.1", "T")})

	message, gap := link.hears(page, "under way"), link.hears(page, `"recovered":false`)
	if message < 0 || gap < message {
		t.Errorf("got the message at place %d and the gap at %d, want both, and the gap later", message, gap)
	}
}

// The log breaks after a page was read from the window and before it has left.
func TestReplayUnderWayDoesNotMoveThePageInTheNextLog(t *testing.T) {
	n, d := bareNode(func(*nodeConfig) {})
	w := new(writer)
	batch := []broker.Delivery{w.message(event.User("2"), "first")}
	for range 200 {
		batch = append(batch, w.message(event.User("1"), strings.Repeat("x", 4<<10)))
	}
	d.dispatch(batch)
	link := new(spy)
	owner := newStub(n, "1", link)
	page := &owner.session
	if err := n.join(page, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil || !page.behind {
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
	n, d := bareNode(func(*nodeConfig) {})
	w := new(writer)
	batch := []broker.Delivery{w.message(event.User("2"), "first"), w.message(event.Tag("T"), "overtook")}
	for range 200 {
		batch = append(batch, w.message(event.User("1"), strings.Repeat("x", 4<<10)))
	}
	d.dispatch(batch)
	link := new(spy)
	page := newSession(n, "1", link)
	if err := n.join(page, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil || !page.behind {
		t.Fatalf("got %v, behind %t, want a page that has more to read", err, page.behind)
	}

	d.dispatch([]broker.Delivery{w.grant("1", "log.1", "T")})

	if link.hears(page, `"recovered":false`) < 0 {
		t.Fatal("the page was not told of the gap")
	}
	if items, _ := n.page(page); len(items) > 0 {
		t.Errorf("got %d messages up to %d after the page was told that it is at %d", len(items), items[len(items)-1].Last, w.seq)
	}
}
