package window

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

const second = int64(time.Second)

func newTestWindow() *Window { return New(10*time.Second, 1000, 1<<20, envelope.Keys) }

// publish publishes an event of a request, and reports whether it is new.
func (w *Window) publish(request, content byte, index int, at int64) bool {
	fresh := w.Publish(RequestKey{request}, [16]byte{content}, index, at)
	if fresh {
		w.add(event.User("1"), at, 10)
	} else {
		w.Skip(at)
	}
	return fresh
}

// Each event of a request is new once, also if two nodes publish the request at the
// same time. Of another content no event is new.
func TestRequestPublishesEachEventOnce(t *testing.T) {
	w := newTestWindow()
	for i, step := range []struct {
		content byte
		index   int
		fresh   bool
	}{
		{1, 0, true},
		{1, 1, true}, // one node begins, and dies
		{1, 0, false},
		{2, 0, false},
		{2, 1, false},
		{2, 2, false},
		{2, 3, false},
		{1, 1, false},
		{1, 2, true},
		{1, 2, false},
		{1, 3, true},
		{1, 0, false},
	} {
		if fresh := w.publish(7, step.content, step.index, second); fresh != step.fresh {
			t.Errorf("step %d: got %t, want %t", i, fresh, step.fresh)
		}
	}
	if p, _ := w.Published(RequestKey{7}); p.Lines != 4 || p.Content != [16]byte{1} || p.Last != 11 {
		t.Errorf("got %+v", p)
	}
	if !w.publish(8, 2, 0, second) {
		t.Error("another request is not new")
	}
}

// A window that begins in the middle of a request takes what comes before for known.
func TestWindowThatBeginsWithinARequest(t *testing.T) {
	w := newTestWindow()

	if !w.publish(1, 1, 5, second) || w.publish(1, 1, 0, second) || w.publish(1, 1, 4, second) || !w.publish(1, 1, 6, second) {
		t.Error("got other events than 5 and 6")
	}
}

// A request is known for as long as the window has its last event, and takes no memory
// after that.
func TestRequestLeavesTheWindowWithItsLastEvent(t *testing.T) {
	w := newTestWindow()
	w.publish(1, 1, 0, 0)
	w.publish(2, 1, 0, 3*second)
	w.publish(1, 1, 1, 6*second)

	w.Evict(12*second, 0)
	if p, known := w.Published(RequestKey{1}); !known || p.Lines != 2 {
		t.Errorf("the first request is %+v, %t", p, known)
	}
	w.Evict(15*second, 0)
	if _, known := w.Published(RequestKey{2}); known {
		t.Error("the second request is still known")
	}
	if w.Evict(17*second, 0); w.Size() != 0 || w.publications.requests != nil || w.publications.events.Len() != 0 {
		t.Errorf("an empty window takes %d bytes, and knows %d requests", w.Size(), len(w.publications.requests))
	}
	if !w.publish(1, 2, 0, 18*second) {
		t.Error("a forgotten request is not new")
	}
}

// Events for devices alone are not in the window, yet what it keeps of them is bounded
// in age and number. A clock that was set back does not keep them for longer.
func TestWindowForgetsRequestsForDevicesAlone(t *testing.T) {
	w := newTestWindow()
	for i := range 3000 {
		if !w.Publish(RequestKey{byte(i), byte(i >> 8)}, [16]byte{}, 0, 3600*second) {
			t.Fatal("not new")
		}
		w.Skip(3600 * second)
		w.Evict(3600*second, 0)
	}
	if n := len(w.publications.requests); n != 1000 {
		t.Errorf("the window knows %d requests, want 1000", n)
	}

	w.Evict(0, 0)

	if w.Evict(11*second, 0); len(w.publications.requests) != 0 || w.Size() != 0 {
		t.Errorf("the window knows %d requests in %d bytes, want none", len(w.publications.requests), w.Size())
	}
}

func TestPublicationsBehaveLikeAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	w := New(time.Hour, 100, 1<<20, envelope.Keys)
	for i := range 20_000 {
		switch r.IntN(4) {
		case 0:
			w.add(event.User("1"), int64(i), 10)
		case 1:
			if w.Publish(RequestKey{byte(r.IntN(60))}, [16]byte{byte(r.IntN(2))}, r.IntN(4), int64(i)) {
				w.Skip(int64(i)) // for devices alone
			}
		default:
			w.publish(byte(r.IntN(60)), byte(r.IntN(2)), r.IntN(4), int64(i))
		}
		want := make(map[RequestKey]uint64)
		for i := range w.publications.events.Len() {
			e := w.publications.events.At(i)
			want[e.request] = e.offset
		}
		if len(want) != len(w.publications.requests) {
			t.Fatalf("step %d: %d requests are known, and %d have events", i, len(w.publications.requests), len(want))
		}
		for key, last := range want {
			if p, known := w.Published(key); !known || p.Last != last {
				t.Fatalf("step %d: got %+v, want the last event at %d", i, p, last)
			}
		}
	}
}
