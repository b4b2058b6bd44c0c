package hub

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/event"
)

// The benchmarks of this file are of work under the node's lock, during which
// nobody else is served: each must cost what it delivers and not what there is.

// fill puts messages into the window.
func (n *Hub) fill(messages int, to func(i int) event.Target) {
	w, d := new(writer), NewDispatcher(n, 0)
	batch := make([]broker.Delivery, messages)
	for i := range batch {
		batch[i] = w.message(to(i), "x")
	}
	d.Dispatch(batch)
}

// BenchmarkReplayByTags is a page of a user with many tags that comes back and has
// missed ten messages, of a window of 20,000 for those tags and others.
func BenchmarkReplayByTags(b *testing.B) {
	for _, tags := range []int{10, 100, 1000, 10_000} {
		for _, missed := range []uint64{10, 10_000} {
			b.Run(fmt.Sprintf("tags=%d/behind=%d", tags, missed), func(b *testing.B) {
				n, _ := bareNode(func(*Config) {})
				n.fill(1, func(int) event.Target { return event.User("other") })
				for i := range tags {
					n.watches.grant("1", "T"+strconv.Itoa(i), 1, time.Now().UnixNano())
				}
				n.fill(20_000, func(i int) event.Target {
					if i%1000 == 0 {
						return event.Tag("T" + strconv.Itoa(i%tags))
					}
					return event.Tag("other" + strconv.Itoa(i%10_000))
				})
				s := newSession(n, "1", nowhere{})
				b.ReportAllocs()
				for b.Loop() {
					s.last, s.behind = n.history.Last()-missed, true
					n.ReadOn(s)
				}
			})
		}
	}
}

// BenchmarkSweep is what the clock does every ten seconds while nothing is over.
func BenchmarkSweep(b *testing.B) {
	for _, watches := range []int{1000, 10_000, 100_000, 500_000} {
		b.Run(fmt.Sprintf("watches=%d", watches), func(b *testing.B) {
			n, _ := bareNode(func(*Config) {})
			now := time.Now()
			for i := range watches {
				n.watches.grant(strconv.Itoa(i), "T"+strconv.Itoa(i%1000), 1, now.UnixNano())
			}
			b.ReportAllocs()
			for b.Loop() {
				n.Sweep(now)
			}
		})
	}
}

// BenchmarkOnlineList is the list that the first page of a second gets.
func BenchmarkOnlineList(b *testing.B) {
	for _, users := range []int{100, 1000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
			n, _ := bareNode(func(c *Config) { c.Scope = OnlineEveryone })
			self, _ := n.presence.hear([]byte(n.ID), 1, 1, time.Now())
			for i := range users {
				n.presence.arrive(strconv.Itoa(i))
				n.presence.online(self, []string{strconv.Itoa(i)})
			}
			s := newSession(n, "1", nowhere{})
			b.ReportAllocs()
			for b.Loop() {
				n.news.list = nil
				n.rollCall(s)
			}
		})
	}
}

// BenchmarkExceptions is a message to everyone on 10,000 pages but some users.
func BenchmarkExceptions(b *testing.B) {
	for _, exceptions := range []int{0, 1, 10, 100, 500} {
		b.Run(fmt.Sprintf("exceptions=%d", exceptions), func(b *testing.B) {
			n, d := bareNode(func(*Config) {})
			w := new(writer)
			d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
			for i := range 10_000 {
				s := newSession(n, strconv.Itoa(i), nowhere{})
				if err := n.Join(s, nil, 0); err != nil {
					b.Fatal(err)
				}
				s.Flush() // hello has left
			}
			var except []string
			for i := range exceptions {
				except = append(except, strconv.Itoa(20*i))
			}
			batch := make([]broker.Delivery, 1)
			raw := w.message(event.Shared().Except(except...), "x").Raw
			b.ReportAllocs()
			for b.Loop() {
				batch[0] = w.next(raw)
				batch[0].Offset = n.history.Next()
				d.Dispatch(batch)
			}
		})
	}
}

// BenchmarkGraceEnds is a user who leaves while others are online.
func BenchmarkGraceEnds(b *testing.B) {
	for _, users := range []int{100, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
			n, _ := bareNode(func(*Config) {})
			for i := range users {
				n.presence.arrive(strconv.Itoa(i))
			}
			n.presence.takeNews()
			now := time.Now()
			b.ReportAllocs()
			for b.Loop() {
				n.presence.arrive("one")
				n.presence.depart("one", now)
				now = now.Add(time.Minute)
				n.SweepPresence(now)
			}
		})
	}
}
