package broker

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// Control messages that the followers have read are emptied, and the length of
// the log is bounded as well. Events stay.
func TestControlMessagesTakeBoundedRoomInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(100, 4<<10, 0, envelope.IsTransient, nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = Follow(ctx, m, time.Hour, func([]Delivery) {}) }()
		target := event.User("1")
		var message []byte
		err := event.Encode(&target, &event.Event{Module: "tasks", Command: "update"}, "", 1<<10, func(raw []byte) error {
			message = bytes.Clone(raw)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		Append(m, [][]byte{message})
		synctest.Wait()
		for range 700 {
			Append(m, [][]byte{envelope.Control(envelope.KindBeat, time.Now())})
			synctest.Wait()
		}

		if m.controlBytes > 2<<10 || m.records.Len() != 701 || !bytes.Equal(m.message(1), message) {
			t.Errorf("%d bytes in %d places, and %d of the event, want few bytes, 701 places, and %d",
				m.controlBytes, m.records.Len(), len(m.message(1)), len(message))
		}
		for range 1000 {
			Append(m, [][]byte{envelope.Control(envelope.KindBeat, time.Now())})
		}
		if m.records.Len() > (100+1)*placesPerMessage {
			t.Errorf("%d places for at most 100 events", m.records.Len())
		}
		cancel()
	})
}
