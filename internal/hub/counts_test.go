package hub

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/event"
)

// crowded returns a hub with many users, watches, pages and messages.
func crowded(t testing.TB, users, pages int) *Hub {
	t.Helper()
	h, d := newHub(func(*Config) {})
	w := new(writer)
	d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
	self, _ := h.presence.receive([]byte(h.ID), 1, time.Now().UnixNano(), time.Now())
	for i := range users {
		user := strconv.Itoa(i)
		h.presence.addUsers(self, []string{user})
		h.watches.grant(user, "T"+strconv.Itoa(i%1000), 1, time.Now().UnixNano())
	}
	for i := range pages {
		if err := h.Join(newPage(h, strconv.Itoa(i), discard{}), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	h.fill(users/2, func(i int) event.Target { return event.User(strconv.Itoa(i)) })
	return h
}

// The sums that an operator relies on hold in every snapshot, whatever happens meanwhile.
func TestCountsAgreeWhilePagesComeAndGo(t *testing.T) {
	h, d := newHub(func(*Config) {})
	d.Dispatch([]broker.Delivery{new(writer).message(event.User("other"), "x")})
	ended := make(chan struct{})
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 300 {
				user := strconv.Itoa(worker * (i % 3)) // worker 0 has one user only
				if i%5 == 0 {
					user = ""
				}
				p := newPage(h, user, discard{})
				if err := h.Join(p, nil, 0); err != nil {
					t.Error(err)
				}
				h.Leave(p)
			}
		})
	}
	go func() {
		defer close(ended)
		all.Wait()
	}()
	for done := false; !done; {
		select {
		case <-ended:
			done = true
		default:
		}
		c := h.Counts()
		sum := 0
		for _, n := range c.Transports {
			sum += n
		}
		if sum != c.Pages || c.Guests > c.Pages || c.Guests < 0 || c.Users < 0 {
			t.Fatalf("got %+v, want transports that add up to the pages", c)
		}
	}
	if c := h.Counts(); c.Pages != 0 || c.Guests != 0 {
		t.Errorf("got %d pages and %d guests at the end, want none", c.Pages, c.Guests)
	}
}

// BenchmarkCounts measures how long a scrape holds the lock of a node. It must not depend
// on what the hub holds.
func BenchmarkCounts(b *testing.B) {
	for _, users := range []int{100, 100_000} {
		b.Run("users="+strconv.Itoa(users), func(b *testing.B) {
			h := crowded(b, users, users/10)
			if c := h.Counts(); c.Users != users || c.Pages != users/10 {
				b.Fatalf("got %d users and %d pages", c.Users, c.Pages)
			}
			b.ReportAllocs()
			for b.Loop() {
				h.Counts()
			}
		})
	}
}
