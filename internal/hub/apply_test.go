package hub

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/session"
)

// FuzzApply gives a hub a log of foreign messages. The hub must work whatever
// they contain.
func FuzzApply(f *testing.F) {
	now := time.Now()
	target := event.Tag("T").Or(event.Shared())
	raw := binary.AppendUvarint(envelope.AppendHeader(nil, envelope.KindEvent, now), 1<<40)
	raw = append(event.AppendTarget(raw, "", &target), `"tasks:update",{}]`...)
	envelope.Stamp(raw, "somebody", 1)
	for k := envelope.KindEvent; k <= envelope.KindOffline; k++ {
		f.Add(raw, envelope.Control(k, now, "1", "log.1", "T"), uint64(1), uint64(2))
	}
	relay := envelope.Relay("page/2", &envelope.Term{Users: []string{"1"}}, []byte(`"im:x",{}]`), now, now.Add(24*time.Hour))
	envelope.Stamp(relay, "somebody", 1)
	f.Add(raw, relay, uint64(1), uint64(2))
	f.Add(relay, relay[:len(relay)-10], uint64(1), uint64(2))
	update := envelope.Update("T", []byte(`"pull:render",{}]`), now, now.Add(24*time.Hour))
	envelope.Stamp(update, "somebody", 1)
	f.Add(raw, update, uint64(1), uint64(2))
	lease := session.NewLease(session.IDOf("s1"), now.Add(time.Minute), now)
	f.Add(envelope.Control(envelope.KindEndSession, now, lease.ID.String(), "name"), SessionMessage("1", "me", lease, now), uint64(1), uint64(2))
	f.Add(SessionMessage("1", "me", lease, now), envelope.Control(envelope.KindEndSession, now, lease.ID.String(), "name"), uint64(1), uint64(2))
	f.Add(SessionMessage("1", "me", nil, now), envelope.Control(envelope.KindDone, now, "name"), uint64(1), uint64(2))
	f.Add(raw, raw, uint64(1), uint64(9))
	f.Add(raw, raw, ^uint64(0), uint64(0))
	f.Fuzz(func(t *testing.T, first, second []byte, offset, next uint64) {
		h, d := newHub(func(c *Config) { c.WindowCount, c.WindowBytes = 3, 500 })
		page := newPage(h, "1", plain{})
		page.Client = "me"
		h.SetLease(page, lease)
		d.Dispatch([]broker.Delivery{delivery("log", offset, first)})
		if err := h.Join(page, nil, 0); err != nil && !errors.Is(err, ErrSessionOver) {
			t.Fatal(err)
		}
		d.Dispatch([]broker.Delivery{delivery("log", next, second), delivery("log", next+1, first), delivery("other", offset, second), delivery("other", offset+1, second)})
		back := newPage(h, "1", plain{})
		if err := h.Join(back, &envelope.Cursor{Epoch: "other", Offset: offset}, h.Disconnects()); err != nil {
			t.Fatal(err)
		}
		h.Sweep(time.Now())
		h.ServeSessions(time.Now().Add(time.Hour))
		h.SweepPresence(time.Now().Add(time.Hour))
	})
}
