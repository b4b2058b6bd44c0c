package hub

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/grant"
)

// watchedHub returns a hub of a node among others, with pages that watch a tag each.
func watchedHub(tb testing.TB, pages int, config func(*Config)) (*Hub, *Dispatcher) {
	tb.Helper()
	h, d := newHub(func(c *Config) {
		c.Shared = true
		config(c)
	})
	for i := range pages {
		joinWatching(tb, h, i)
	}
	return h, d
}

// joinWatching adds a page that watches a tag of its own.
func joinWatching(tb testing.TB, h *Hub, i int) *Page {
	tb.Helper()
	p := newPage(h, "user"+strconv.Itoa(i), discard{})
	presented := []Presented{{Grant: grant.Grant{ID: uint64(i), Tags: []string{"ARTICLE_" + strconv.Itoa(i)}}}}
	if err := h.JoinWatching(p, nil, 0, presented, nil); err != nil {
		tb.Fatal(err)
	}
	return p
}

// BenchmarkHelloOfANode measures what another node that starts costs: its message,
// and then each second.
func BenchmarkHelloOfANode(b *testing.B) {
	for _, pages := range []int{1000, 10_000, 100_000} {
		h, d := watchedHub(b, pages, func(*Config) {})
		var w writer
		b.Run(fmt.Sprintf("message/pages=%d", pages), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.news, h.lists.publishing = pageNews{}, true
				d.Dispatch([]broker.Delivery{w.next(envelope.Control(envelope.KindHello, time.Now()))})
			}
		})
		b.Run(fmt.Sprintf("second/pages=%d", pages), func(b *testing.B) {
			h.news = pageNews{}
			b.ReportAllocs()
			for b.Loop() {
				h.news.unconfirmed = false
				if h.news.again == 0 {
					h.news.changed = nil
					h.noteAllPageWatches()
				}
				h.PublishPageWatches(time.Now())
			}
		})
	}
}

// Pages come and leave while a node publishes all watches again, in steps.
func TestNodeThatStartsLearnsAllWatchesOfPages(t *testing.T) {
	const count = 3 * watchesAgain
	var messages [][]byte
	h, d := watchedHub(t, count, func(c *Config) {
		c.Publish = func(raw []byte) { messages = append(messages, raw) }
	})
	pages := slices.Clone(h.roster.all)
	h.news = pageNews{} // the others know all
	var w writer
	d.Dispatch([]broker.Delivery{w.next(envelope.Control(envelope.KindHello, time.Now()))})
	messages = nil

	random, known := rand.New(rand.NewPCG(1, 2)), new(peerPages)
	for step := 0; h.news.again > 0 || len(h.news.changed) > 0; step++ {
		h.PublishPageWatches(time.Now())
		if most := watchesAgain + 200; len(h.news.changed) > most {
			t.Fatalf("%d tags wait after step %d, want at most %d", len(h.news.changed), step, most)
		}
		for _, raw := range messages {
			known.apply(parse(t, raw).List)
		}
		messages, h.news.unconfirmed = nil, false
		for i := range 20 * min(1, h.news.again) {
			at := random.IntN(len(pages))
			h.Leave(pages[at])
			pages = slices.Delete(pages, at, at+1)
			joinWatching(t, h, count+20*step+i)
		}
	}

	if len(known.tags) != len(h.pageTags) {
		t.Errorf("the other node knows %d tags, want %d", len(known.tags), len(h.pageTags))
	}
	for tag, list := range h.pageTags {
		if got := known.tags[tag]; got == nil || got.pages != len(list) || len(got.users) != 1 {
			t.Fatalf("the other node has %+v of %s, want one page and its user", got, tag)
		}
	}
}

// What nodes publish is not believed blindly.
func TestNumberOfPagesDoesNotOverflow(t *testing.T) {
	h, d := watchedHub(t, 1, func(*Config) {})
	for i, count := range []string{"9223372036854775807", "99999999999999999999999", "-5", "2"} {
		raw := envelope.Control(envelope.KindPages, time.Now(), "="+count+"\nARTICLE_0")
		envelope.Stamp(raw, "node"+strconv.Itoa(i), 1)
		d.Dispatch([]broker.Delivery{delivery("log", uint64(i+1), raw)})
	}

	if got, want := h.PagesAt("ARTICLE_0"), 1+2*maxPeerPages+2; got != want {
		t.Errorf("got %d pages, want %d", got, want)
	}
}

func parse(t *testing.T, raw []byte) envelope.Envelope {
	t.Helper()
	e, err := envelope.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
