package hub

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// personal returns an event of which users get more than others.
func (w *writer) personal(t *testing.T, to event.Target, n int, perUser map[string]any) broker.Delivery {
	t.Helper()
	return w.personalWith(t, to, map[string]any{"n": n, "mine": false}, perUser)
}

func (w *writer) personalWith(t *testing.T, to event.Target, params, perUser map[string]any) broker.Delivery {
	t.Helper()
	e := event.Event{Module: "tasks", Command: "update", Params: params, PerUser: perUser}
	var raw []byte
	err := event.Encode(&to, &e, "", 1<<20, func(b []byte) error {
		raw = slices.Clone(b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w.next(raw)
}

// paramsOf returns the params of the events that were sent.
func paramsOf(frames []string) (params []string) {
	for _, text := range strings.Split(strings.Join(frames, ""), `"tasks:update",`)[1:] {
		end := strings.IndexByte(text, '}')
		params = append(params, text[:end+1])
	}
	return params
}

func mine(value any) map[string]any { return map[string]any{"mine": value} }

// What a user alone gets is merged into that user's pages, however they get the event.
func TestPageGetsWhatIsItsUsersAlone(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w := new(writer)
	d.Dispatch([]broker.Delivery{w.message(event.User("9"), "first")})
	users := []string{"1", "1", "2", "3", ""}
	shared := make(map[*Page]*recorder)
	var pages []*Page
	for _, user := range users {
		r := new(recorder)
		p := newPage(h, user, r)
		if err := h.Join(p, nil, 0); err != nil {
			t.Fatal(err)
		}
		p.Flush()
		pages, shared[p] = append(pages, p), r
	}
	perUser := map[string]any{"1": mine("one"), "2": mine("two"), "4": mine("four")}
	everyone := event.Shared().Except("3")
	d.Dispatch([]broker.Delivery{
		w.personal(t, everyone, 1, perUser), w.personal(t, everyone, 2, perUser), // of one bundle
		w.personal(t, event.Shared(), 3, nil),
		w.personal(t, event.User("2", "3").Or(event.User("2").Except("7")), 4, map[string]any{"1": mine("one"), "2": mine(2)}),
	})
	want := map[string][]string{
		"1": {`{"n":1,"mine":"one"}`, `{"n":2,"mine":"one"}`, `{"mine":false,"n":3}`},
		"2": {`{"n":1,"mine":"two"}`, `{"n":2,"mine":"two"}`, `{"mine":false,"n":3}`, `{"n":4,"mine":2}`},
		"3": {`{"mine":false,"n":3}`, `{"mine":false,"n":4}`},
		"":  {`{"mine":false,"n":1}`, `{"mine":false,"n":2}`, `{"mine":false,"n":3}`},
	}
	for i, p := range pages {
		p.Flush()
		if got := paramsOf(shared[p].frames); !slices.Equal(got, want[users[i]]) {
			t.Errorf("a page of %q got %v, want %v", users[i], got, want[users[i]])
		}
	}
	for user, want := range want {
		r := new(recorder)
		p := newPage(h, user, r)
		if err := h.Join(p, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil {
			t.Fatal(err)
		}
		p.Flush()
		if got := paramsOf(r.frames); !slices.Equal(got, want) {
			t.Errorf("a page of %q that was away got %v, want %v", user, got, want)
		}
	}
}

// A watch that comes late gives the page what is its user's alone.
func TestLateWatchGivesWhatIsTheUsersAlone(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w := new(writer)
	r := new(recorder)
	d.Dispatch([]broker.Delivery{w.message(event.User("9"), "first")})
	p := newPage(h, "1", r)
	if err := h.Join(p, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil {
		t.Fatal(err)
	}
	p.Flush()
	d.Dispatch([]broker.Delivery{w.personal(t, event.Tag("T"), 1, map[string]any{"1": mine(1), "2": mine(2)}), w.grant("1", "log.1", "T")})
	p.Flush()
	if got := paramsOf(r.frames); !slices.Equal(got, []string{`{"n":1,"mine":1}`}) {
		t.Errorf("got %v, want the user's own", got)
	}
}

// Pages for which nothing differs share one frame, also if something does for others.
func TestPagesOfOneVariantShareAFrame(t *testing.T) {
	h, d := newHub(func(*Config) {})
	w := new(writer)
	for _, user := range []string{"1", "1", "2", "3", "4"} {
		if err := h.Join(newPage(h, user, new(recorder)), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	perUser := map[string]any{"1": mine(1), "2": mine(2), "5": mine(5)}
	to := event.User("1", "2", "3", "4")
	round, _, _ := h.apply([]broker.Delivery{w.personal(t, to, 1, perUser), w.personal(t, to, 2, perUser), w.personal(t, to, 3, nil)})
	if len(round.bundles) != 4 {
		t.Errorf("got %d bundles, want 4: two variants and what others share, and the last event", len(round.bundles))
	}
	for _, b := range round.bundles {
		for _, m := range b.messages {
			if size, most := len(b.variant.body(&m)), len(m.Body())+b.variant.size(); size > most {
				t.Errorf("a body has %d bytes, more than %d", size, most)
			}
		}
	}
	d.deliver(round)
	round.reset()
}

// However many events of which each user gets something else come at once, they are not
// in memory for all pages at the same time.
func TestEventsForSingleUsersTakeBoundedMemory(t *testing.T) {
	for _, alike := range []bool{false, true} { // do the events share bundles?
		h, d := newHub(func(*Config) {})
		w := new(writer)
		d.Dispatch([]broker.Delivery{w.message(event.User("9"), "first")})
		perUser, pages := make(map[string]any), make(map[*Page]*recorder)
		for i := range 20 {
			user := fmt.Sprintf("user%d", i)
			perUser[user] = mine(i)
			r := new(recorder)
			p := newPage(h, user, r)
			if err := h.Join(p, nil, 0); err != nil {
				t.Fatal(err)
			}
			p.Flush()
			pages[p] = r
		}
		var batch []broker.Delivery
		for n := range 40 {
			if !alike {
				perUser["nobody"] = mine(n)
			}
			batch = append(batch, w.personalWith(t, event.Shared(), map[string]any{"n": n, "pad": strings.Repeat("x", 24<<10)}, perUser))
		}

		for len(batch) > 0 {
			round, n, _ := h.apply(batch)
			size := 0
			for _, b := range round.bundles {
				size += b.size(conn.Arrays)
			}
			if size > variantBytes+2<<20 {
				t.Errorf("%d events take %d bytes together, want at most %d", n, size, variantBytes+2<<20)
			}
			d.deliver(round)
			round.reset()
			batch = batch[n:]
		}

		for p, r := range pages {
			p.Flush()
			if n := len(paramsOf(r.frames)); n != 40 {
				t.Fatalf("a page got %d events, want 40", n)
			}
		}
	}
}

// A secret event is compressed for no page, whichever variant the page gets, and neither is
// what shares its frame.
func TestNoVariantOfASecretIsCompressed(t *testing.T) {
	h, _ := newHub(func(*Config) {})
	w := new(writer)
	for _, user := range []string{"1", "2"} {
		if err := h.Join(newPage(h, user, new(recorder)), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	perUser := map[string]any{"1": mine(1)}
	batch := []broker.Delivery{
		w.personal(t, event.Shared(), 1, perUser), w.personal(t, event.Shared(), 2, perUser),
		w.personal(t, event.User("1", "2"), 3, perUser),
	}
	envelope.MarkSecret(batch[1].Raw)

	round, _, _ := h.apply(batch)

	for i, want := range []bool{false, false, true, true} {
		if b := round.bundles[i]; b.open != want {
			t.Errorf("bundle %d may be compressed: %t, want %t", i, b.open, want)
		}
	}
	round.reset()
}

// BenchmarkPersonal measures an event of which each of 1,000 users gets something else.
func BenchmarkPersonal(b *testing.B) {
	for _, own := range []bool{false, true} {
		b.Run(fmt.Sprintf("own=%t", own), func(b *testing.B) {
			h, d := newHub(func(*Config) {})
			users, perUser := make([]string, 1000), make(map[string]any)
			for i := range users {
				users[i] = fmt.Sprintf("user%d", i)
				if own {
					perUser[users[i]] = mine(i)
				}
				if err := h.Join(newPage(h, users[i], discard{}), nil, 0); err != nil {
					b.Fatal(err)
				}
			}
			w, to := new(writer), event.User(users...)
			e := event.Event{Module: "tasks", Command: "update", Params: map[string]any{"title": strings.Repeat("x", 150), "mine": 0}, PerUser: perUser}
			var raw []byte
			if err := event.Encode(&to, &e, "", 1<<20, func(b []byte) error {
				raw = slices.Clone(b)
				return nil
			}); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				d.Dispatch([]broker.Delivery{w.next(slices.Clone(raw))})
			}
		})
	}
}
