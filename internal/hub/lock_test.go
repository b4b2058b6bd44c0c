package hub

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/event"
)

// The benchmarks of this file measure work under the hub's lock. Its cost must
// depend on what is delivered, not on what the hub holds.

// fill puts messages into the window.
func (h *Hub) fill(messages int, to func(i int) event.Target) {
	w, d := new(writer), NewDispatcher(h, 0)
	batch := make([]broker.Delivery, messages)
	for i := range batch {
		batch[i] = w.message(to(i), "x")
	}
	d.Dispatch(batch)
}

// BenchmarkReplayByTags measures a replay for a user with many tags who has
// missed ten messages, of a window of 20,000 for those tags and others.
func BenchmarkReplayByTags(b *testing.B) {
	for _, tags := range []int{10, 100, 1000, 10_000} {
		for _, missed := range []uint64{10, 10_000} {
			b.Run(fmt.Sprintf("tags=%d/behind=%d", tags, missed), func(b *testing.B) {
				h, _ := newHub(func(*Config) {})
				h.fill(1, func(int) event.Target { return event.User("other") })
				for i := range tags {
					h.watches.grant("1", "T"+strconv.Itoa(i), 1, time.Now().UnixNano())
				}
				h.fill(20_000, func(i int) event.Target {
					if i%1000 == 0 {
						return event.Tag("T" + strconv.Itoa(i%tags))
					}
					return event.Tag("other" + strconv.Itoa(i%10_000))
				})
				p := newPage(h, "1", discard{})
				b.ReportAllocs()
				for b.Loop() {
					p.last, p.behind = h.history.Last()-missed, true
					h.ReadOn(p)
				}
			})
		}
	}
}

// BenchmarkSweep measures what the clock does every ten seconds if nothing is
// old.
func BenchmarkSweep(b *testing.B) {
	for _, watches := range []int{1000, 10_000, 100_000, 500_000} {
		b.Run(fmt.Sprintf("watches=%d", watches), func(b *testing.B) {
			h, _ := newHub(func(*Config) {})
			now := time.Now()
			for i := range watches {
				h.watches.grant(strconv.Itoa(i), "T"+strconv.Itoa(i%1000), 1, now.UnixNano())
			}
			b.ReportAllocs()
			for b.Loop() {
				h.Sweep(now)
			}
		})
	}
}

// BenchmarkOnlineList measures encoding the list for the first page of a second.
func BenchmarkOnlineList(b *testing.B) {
	for _, users := range []int{100, 1000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
			h, _ := newHub(func(c *Config) { c.Scope = OnlineEveryone })
			self, _ := h.presence.receive([]byte(h.ID), 1, 1, time.Now())
			for i := range users {
				h.presence.userJoined(strconv.Itoa(i))
				h.presence.addUsers(self, []string{strconv.Itoa(i)})
			}
			p := newPage(h, "1", discard{})
			b.ReportAllocs()
			for b.Loop() {
				h.online.body = nil
				h.onlineListFor(p)
			}
		})
	}
}

// BenchmarkExceptions measures a message to everyone on 10,000 pages except some
// users.
func BenchmarkExceptions(b *testing.B) {
	for _, exceptions := range []int{0, 1, 10, 100, 500} {
		b.Run(fmt.Sprintf("exceptions=%d", exceptions), func(b *testing.B) {
			h, d := newHub(func(*Config) {})
			w := new(writer)
			d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
			for i := range 10_000 {
				p := newPage(h, strconv.Itoa(i), discard{})
				if err := h.Join(p, nil, 0); err != nil {
					b.Fatal(err)
				}
				p.Flush() // hello was sent
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
				batch[0].Offset = h.history.Next()
				d.Dispatch(batch)
			}
		})
	}
}

// BenchmarkGraceEnds measures the end of a grace while other users are online.
func BenchmarkGraceEnds(b *testing.B) {
	for _, users := range []int{100, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
			h, _ := newHub(func(*Config) {})
			for i := range users {
				h.presence.userJoined(strconv.Itoa(i))
			}
			h.presence.takeAnnouncements()
			now := time.Now()
			b.ReportAllocs()
			for b.Loop() {
				h.presence.userJoined("one")
				h.presence.userLeft("one", now)
				now = now.Add(time.Minute)
				h.SweepPresence(now)
			}
		})
	}
}

// BenchmarkPresenceUpdate measures what an update of presence does under the lock
// for pages of so many users, each second at most.
func BenchmarkPresenceUpdate(b *testing.B) {
	for _, scope := range []OnlineScope{OnlineEveryone, OnlineWatchers("STAFF")} {
		for _, users := range []int{1000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("scope=%s/users=%d", scope, users), func(b *testing.B) {
				h, _ := newHub(func(c *Config) { c.Scope = scope })
				for i := range users {
					user := strconv.Itoa(i)
					h.watches.grant(user, "STAFF", 0, time.Now().UnixNano())
					h.roster.add(newPage(h, user, discard{}))
				}
				b.ReportAllocs()
				for b.Loop() {
					h.updates.add(Change{User: "7", Online: true})
					h.nextUpdate(time.Now())
				}
			})
		}
	}
}
