package hub

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/grant"
	"github.com/echo-pull/pull/internal/window"
)

func TestFrequentTypesOfAHubStaySmall(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, most uintptr // bytes; most is a size class of the runtime
	}{
		{"a message of the window", unsafe.Sizeof(window.Message{}), 48},
		{"a watch", unsafe.Sizeof(watch{}), 64},
		{"a watch of a page", unsafe.Sizeof(pageWatch{}), 48},
		{"a local user", unsafe.Sizeof(localUser{}), 8},
	} {
		if c.got > c.most {
			t.Errorf("%s takes %d bytes, want %d at most", c.what, c.got, c.most)
		}
	}
}

// An event to somebody who is not connected takes no memory of its own: what the
// window and the index need, they allocate for many.
func TestEventToAUserWhoIsNotConnectedAllocatesNothing(t *testing.T) {
	h, _ := newHub(func(c *Config) { c.WindowCount = 1000 })
	var w writer
	const runs = 2000
	batches := make([][]broker.Delivery, 3000+runs+1)
	for i := range batches {
		batches[i] = []broker.Delivery{w.message(event.User("42"), "x")}
	}
	next := 0
	apply := func() {
		round, _, _ := h.apply(batches[next])
		round.reset()
		next++
	}
	for range 3000 {
		apply() // until the window is full
	}

	if got := testing.AllocsPerRun(runs, apply); got >= 1 {
		t.Errorf("an event makes %v allocations, want none", got)
	}
}

func heapNow() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// growth reports by how many bytes the heap grows for each of n items.
func growth(b *testing.B, n int, grow func(i int)) {
	b.Helper()
	before := heapNow()
	for i := range n {
		grow(i)
	}
	b.ReportMetric((heapNow()-before)/float64(n), "B/one")
}

// BenchmarkMemoryOfHub measures the memory of what a hub holds. Run it with
// -benchtime 1x.
func BenchmarkMemoryOfHub(b *testing.B) {
	const many = 50_000
	at := time.Now().UnixNano()
	b.Run("online user", func(b *testing.B) {
		for b.Loop() {
			pr := newPresence("self", time.Second)
			self, _ := pr.receive([]byte("self"), 1, at, time.Unix(0, at))
			growth(b, many, func(i int) {
				user := "user" + strconv.Itoa(i)
				pr.userJoined(user)
				pr.addUsers(self, []string{user})
			})
			runtime.KeepAlive(pr)
		}
	})
	for _, tags := range []int{1, 20} {
		b.Run(fmt.Sprintf("watch, %d tags a user", tags), func(b *testing.B) {
			for b.Loop() {
				w := newWatches(time.Hour, time.Minute, 10_000)
				growth(b, many, func(i int) { w.grant("user"+strconv.Itoa(i/tags), "TASK_"+strconv.Itoa(i%1000), 0, at) })
				runtime.KeepAlive(w)
			}
		})
	}
}

// BenchmarkChurn measures 10,000 users who come and go, without a network: the
// roster, presence and the announcements.
func BenchmarkChurn(b *testing.B) {
	h, d := newHub(func(*Config) {})
	d.Dispatch([]broker.Delivery{new(writer).message(event.User("other"), "x")})
	pages := make([]*Page, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		for i := range pages {
			pages[i] = newPage(h, strconv.Itoa(i), discard{})
			if err := h.Join(pages[i], nil, 0); err != nil {
				b.Fatal(err)
			}
		}
		for _, p := range pages {
			h.Leave(p)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(pages)), "ns/user")
}

// BenchmarkRouteToOneUser shows that the cost of a message to one user does not
// grow with the number of pages.
func BenchmarkRouteToOneUser(b *testing.B) {
	for _, pages := range []int{100, 1_000, 10_000} {
		b.Run("pages="+strconv.Itoa(pages), func(b *testing.B) {
			h, d := newHub(func(*Config) {})
			w := new(writer)
			d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
			for i := range pages {
				p := newPage(h, strconv.Itoa(i), discard{})
				if err := h.Join(p, nil, 0); err != nil {
					b.Fatal(err)
				}
				p.Flush() // hello was sent
			}
			batch := make([]broker.Delivery, 1)
			raw := w.message(event.User("42"), strings.Repeat("x", 100)).Raw
			b.ReportAllocs()
			for b.Loop() {
				batch[0] = w.next(raw)
				batch[0].Offset = h.history.Next()
				d.Dispatch(batch)
			}
		})
	}
}

// BenchmarkRouteToATag has users and pages that watch the tag.
func BenchmarkRouteToATag(b *testing.B) {
	for _, pages := range []int{0, 1, 1_000} {
		b.Run("pages="+strconv.Itoa(pages), func(b *testing.B) {
			h, d := newHub(func(*Config) {})
			w := new(writer)
			for i := range 100 {
				d.Dispatch([]broker.Delivery{w.grant(strconv.Itoa(i), "", "T")})
				benchmarkPage(b, h, strconv.Itoa(i), nil)
			}
			for range pages {
				benchmarkPage(b, h, "", []Presented{{Grant: grant.Grant{ID: 1, Tags: []string{"T"}}}})
			}
			batch := make([]broker.Delivery, 1)
			raw := w.message(event.Tag("T"), strings.Repeat("x", 100)).Raw
			b.ReportAllocs()
			for b.Loop() {
				batch[0] = w.next(raw)
				batch[0].Offset = h.history.Next()
				d.Dispatch(batch)
			}
		})
	}
}

func benchmarkPage(b *testing.B, h *Hub, user string, presented []Presented) {
	b.Helper()
	p := newPage(h, user, discard{})
	if err := h.JoinWatching(p, nil, 0, presented, nil); err != nil {
		b.Fatal(err)
	}
	p.Flush() // hello was sent
}

// An event to a page that takes it at once allocates nothing: the next frame gets the
// memory of the last one.
func TestEventToAPageThatTakesItAllocatesNothing(t *testing.T) {
	h, d := newHub(func(c *Config) { c.WindowCount = 1000 })
	var w writer
	d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
	p := newPage(h, "42", discard{})
	if err := h.Join(p, nil, 0); err != nil {
		t.Fatal(err)
	}
	p.Flush() // hello was sent
	const runs = 2000
	batches := make([][]broker.Delivery, 3000+runs+1)
	for i := range batches {
		batches[i] = []broker.Delivery{w.message(event.User("42"), "x")}
	}
	next := 0
	deliver := func() {
		d.Dispatch(batches[next])
		next++
	}
	for range 3000 {
		deliver() // until the window is full
	}

	if got := testing.AllocsPerRun(runs, deliver); got >= 1 {
		t.Errorf("an event makes %v allocations, want none", got)
	}
}

// A page that does not take a frame at once keeps it: its memory serves no other
// frame.
func TestFrameThatAPageKeepsIsNotOverwritten(t *testing.T) {
	h, d := newHub(func(*Config) {})
	var w writer
	d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
	slow, fast := new(stalled), new(recorder)
	pages := map[string]*Page{"slow": newPage(h, "slow", slow), "fast": newPage(h, "fast", fast)}
	for _, p := range pages {
		if err := h.Join(p, nil, 0); err != nil {
			t.Fatal(err)
		}
		p.Flush()
	}
	for i := range 10 {
		d.Dispatch([]broker.Delivery{w.message(event.User("slow", "fast"), fmt.Sprintf("kept %d", i))})
		d.Dispatch([]broker.Delivery{w.message(event.User("fast"), fmt.Sprintf("gone %d", i))})
	}

	pages["slow"].Flush()

	got := strings.Join(slow.frames, "")
	for i := range 10 {
		if !strings.Contains(got, fmt.Sprintf(`"kept %d"`, i)) {
			t.Errorf("the slow page did not get event %d: %s", i, got)
		}
	}
	if strings.Contains(got, "gone") {
		t.Errorf("the slow page got an event for another one: %s", got)
	}
}

// A stalled recorder takes nothing without being waited for.
type stalled struct{ recorder }

func (*stalled) Offer(*conn.Nonblocking, []byte) int { return 0 }
