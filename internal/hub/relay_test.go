package hub

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

func (w *writer) relay(to envelope.Term, command string, expires time.Time) broker.Delivery {
	return w.next(envelope.Relay(envelope.SenderName("page", "42"), &to, []byte(`"im:`+command+`",{}]`), time.Now(), expires))
}

// Messages of pages and events of one batch leave in one frame, in the order of the
// log. One that waits for too long is not delivered, and none is in the window.
func TestMessagesOfPagesLeaveWithTheEventsOfTheirBatch(t *testing.T) {
	h, d := newHub(func(*Config) {})
	var w writer
	d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
	got := new(recorder)
	p := newPage(h, "7", got)
	if err := h.Join(p, nil, 0); err != nil {
		t.Fatal(err)
	}
	p.Flush()
	got.frames = nil
	soon, to := time.Now().Add(time.Minute), envelope.Term{Users: []string{"7"}}

	d.Dispatch([]broker.Delivery{
		w.relay(to, "one", soon), w.message(event.User("7"), "two"), w.relay(to, "late", time.Now().Add(-5*time.Second)),
		w.relay(to, "three", soon), w.relay(to, "four", soon),
	})

	text := strings.Join(got.frames, "|")
	at := -1
	for _, next := range []string{"im:one", `"two"`, "im:three", "im:four"} {
		i := strings.Index(text, next)
		if i <= at {
			t.Errorf("%s is at %d, want it after %d in %s", next, i, at, text)
		}
		at = i
	}
	if strings.Contains(text, "late") || len(got.frames) != 1 {
		t.Errorf("got %d frames %s, want one without the late message", len(got.frames), text)
	}
	if n := h.history.Len(); n != 2 {
		t.Errorf("the window has %d messages, want the two events", n)
	}
	if p.last != h.history.Last() {
		t.Errorf("the page is at %d, want %d", p.last, h.history.Last())
	}
}

// held is a transport that takes nothing until it is flushed.
type held struct{ recorder }

func (*held) Offer(*conn.Nonblocking, []byte) int { return 0 }

// Many messages of pages come at once. They cut neither a page that has something to
// read, nor one that has nothing and gets an event afterwards.
func TestBurstOfMessagesOfPagesCutsNoPage(t *testing.T) {
	for name, waiting := range map[string]bool{"idle": false, "reading": true} {
		t.Run(name, func(t *testing.T) {
			h, d := newHub(func(*Config) {})
			h.Conns.QueueBytes = 64 << 10
			var w writer
			d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
			got := new(held)
			p := newPage(h, "7", got)
			if err := h.Join(p, nil, 0); err != nil {
				t.Fatal(err)
			}
			p.Flush()
			if waiting {
				d.Dispatch([]broker.Delivery{w.message(event.User("7"), "waits")})
			}
			soon, to := time.Now().Add(time.Minute), envelope.Term{Users: []string{"7"}}
			var burst []broker.Delivery
			for i := range 100 {
				burst = append(burst, w.relay(to, fmt.Sprintf("%03d%s", i, strings.Repeat("x", 3<<10)), soon))
			}

			d.Dispatch(append(burst, w.message(event.User("7"), "between")))
			d.Dispatch([]broker.Delivery{w.message(event.User("7"), "last")})

			p.Flush()
			text := strings.Join(got.frames, "")
			if n := h.Conns.CutBy(conn.SlowQueue); n != 0 || !strings.Contains(text, `"between"`) || !strings.Contains(text, `"last"`) {
				t.Errorf("%d pages were cut, and the page got %d bytes, want both events", n, len(text))
			}
			if !strings.Contains(text, "im:000") || len(text) > 32<<10 {
				t.Errorf("the page got %d bytes, want the first messages and at most half of its queue", len(text))
			}
			if p.last != h.history.Last() {
				t.Errorf("the page is at %d, want %d", p.last, h.history.Last())
			}
		})
	}
}

// A message that another node delivers again is the one that pages have.
func TestMessageOfAPageThatIsInTheLogTwiceIsDeliveredOnce(t *testing.T) {
	h, d := newHub(func(*Config) {})
	var w writer
	d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
	got := new(recorder)
	p := newPage(h, "7", got)
	if err := h.Join(p, nil, 0); err != nil {
		t.Fatal(err)
	}
	p.Flush()
	one := w.relay(envelope.Term{Users: []string{"7"}}, "one", time.Now().Add(time.Minute))
	again := one
	again.Offset++

	d.Dispatch([]broker.Delivery{one})
	d.Dispatch([]broker.Delivery{again})

	if n := strings.Count(strings.Join(got.frames, ""), "im:one"); n != 1 {
		t.Errorf("the page got the message %d times, want once", n)
	}
}
