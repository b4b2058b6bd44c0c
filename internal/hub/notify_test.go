package hub

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/notification"
)

func (w *writer) push(to event.Target, p *notification.Push, body string) broker.Delivery {
	raw := envelope.AppendPush(envelope.AppendHeader(nil, envelope.KindPush, time.Now()), notification.Encode(p))
	raw = binary.AppendUvarint(raw, 1<<40)
	return w.next(append(event.AppendTarget(raw, "", &to), `"tasks:update","`+body+`"]`...))
}

func newPushHub() (*Hub, *Dispatcher) {
	return newHub(func(c *Config) { c.Push, c.PushPatience, c.PushDue = true, 15*time.Second, func() {} })
}

// BenchmarkPushToATag measures a notification to the watchers of a tag, who are
// offline.
func BenchmarkPushToATag(b *testing.B) {
	for _, watchers := range []int{1000, 100_000} {
		for _, tag := range []string{"", "one"} {
			b.Run(fmt.Sprintf("watchers=%d/tag=%s", watchers, tag), func(b *testing.B) {
				h, d := newPushHub()
				w := new(writer)
				d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
				for i := range watchers {
					h.watches.grant(strconv.Itoa(i), "TEAM", 1, time.Now().UnixNano())
				}
				for b.Loop() {
					d.Dispatch([]broker.Delivery{w.push(event.Tag("TEAM"), &notification.Push{Title: "hi", Tag: tag}, "x")})
				}
			})
		}
	}
}

// BenchmarkPushToEveryone measures a notification to everyone while 10,000 users
// look at pages.
func BenchmarkPushToEveryone(b *testing.B) {
	h, d := newPushHub()
	w := new(writer)
	d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
	for i := range 10_000 {
		p := newPage(h, strconv.Itoa(i), discard{})
		if err := h.Join(p, nil, 0); err != nil {
			b.Fatal(err)
		}
		p.Flush()
		h.SetLooking(p, true, time.Now())
	}
	for b.Loop() {
		d.Dispatch([]broker.Delivery{w.push(event.Shared(), &notification.Push{Title: "hi"}, "x")})
	}
}

// What waits is bounded in bytes, too: events may be large.
func TestWaitingNotificationsAreBoundedInBytes(t *testing.T) {
	h, d := newPushHub()
	w := new(writer)
	body := string(make([]byte, 60<<10))
	for i := range 3000 {
		d.Dispatch([]broker.Delivery{w.push(event.User(strconv.Itoa(i)), &notification.Push{Title: "hi"}, body)})
	}

	if c := h.Counts(); c.PushesWaiting*len(body) > 70<<20 || c.PushesWaiting+int(c.PushesDropped) != 3000 {
		t.Errorf("%d notifications of 60 KiB wait and %d were dropped, want at most 64 MiB", c.PushesWaiting, c.PushesDropped)
	}
}

// Whatever control messages the log has, nothing panics.
func FuzzNews(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 600)]
		h, d := newPushHub()
		w := new(writer)
		d.Dispatch([]broker.Delivery{w.message(event.User("other"), "x")})
		h.presence.receive([]byte(h.ID), 1, 1, time.Now())
		h.applied.Store(1)
		p := newPage(h, "1", discard{})
		if err := h.Join(p, nil, 0); err != nil {
			t.Fatal(err)
		}
		nodes := []string{"somebody", "other123", h.ID, "", "~aaaaaaa"}
		users := []string{"1", "2", "", "a\nb"}
		now := time.Now()
		var sending []func()
		for i := 0; i+2 < len(script); i += 3 {
			op, x, y := script[i]%14, int(script[i+1]), int(script[i+2])
			user, node := users[x%len(users)], nodes[y%len(nodes)]
			id := fmt.Sprintf("log.%d", x%20+1)
			e := &notification.Push{Title: "hi", Tag: []string{"", "a"}[y%2], Immediately: x%3 == 0, TTL: time.Duration(y) * time.Second}
			var m broker.Delivery
			switch op {
			case 0:
				m = w.push(event.User("1", "2"), e, "x")
			case 1:
				m = w.push(event.Shared().Except(user+"x"), e, "x")
			case 2:
				m = w.next(envelope.Control(envelope.KindNotified, now, id+"\n"+user, id, "\n", ""))
			case 3:
				m = w.next(envelope.Control(envelope.KindLooked, now, []string{id, "", "\n"}[y%3], user))
			case 4:
				m = w.next(envelope.Control(envelope.KindClaim, now, node, node, ""))
			case 5:
				m = w.next(envelope.Control(envelope.KindBye, now, user))
			case 6:
				raw := envelope.AppendPush(envelope.AppendHeader(nil, envelope.KindWithdraw, now), []byte("a"))
				m = w.next(event.AppendTarget(binary.AppendUvarint(raw, 1<<40), "", func() *event.Target { t := event.Shared(); return &t }()))
			case 7:
				h.SetLooking(p, y%2 == 0, now)
				continue
			case 8, 9:
				due, _ := h.DuePushes(now, y%5)
				for _, e := range due {
					sending = append(sending, func() { h.FinishPush(e, time.Duration(x)*time.Second) })
				}
				continue
			case 10:
				for _, finish := range sending {
					finish()
				}
				sending = nil
				continue
			case 11:
				if n := h.SearchedNote(nil); n != nil {
					if _, more := h.AddRecipients(n, users[:2]); !more || y%2 == 0 {
						h.EndSearch(n)
					}
				}
				continue
			case 12:
				now = now.Add(time.Duration(y) * time.Second)
				h.SweepPresence(now)
				h.HasMarks()
				h.PublishMarks(now)
				continue
			case 13:
				h.mu.Lock()
				h.pageLost(p, now)
				h.mu.Unlock()
				continue
			}
			if y%4 == 1 && op < 6 && len(node) == 8 {
				envelope.Stamp(m.Raw, node, uint64(i+2))
			}
			d.Dispatch([]broker.Delivery{m})
		}
		for _, finish := range sending {
			finish()
		}
		h.pending.Expire(now.Add(1000*time.Hour), 1<<30)
		for range 3 {
			due, _ := h.DuePushes(now.Add(1000*time.Hour), 1<<30)
			for _, e := range due {
				h.FinishPush(e, 0)
			}
			for n := h.SearchedNote(nil); n != nil; n = h.SearchedNote(nil) {
				h.EndSearch(n)
			}
		}
		h.pending.Expire(now.Add(1000*time.Hour), 1<<30)
		if left := h.pending.Len(); left > 0 {
			t.Errorf("%d notifications are left after their end", left)
		}
	})
}
