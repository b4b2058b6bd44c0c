package pull

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// What the followers have had of control messages is let go, and the places that
// are left are bounded as well; events stay.
func TestControlMessagesTakeBoundedRoomInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Memory{Count: 100, Bytes: 4 << 10, passing: envelope.IsControl}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = m.follow(ctx, time.Hour, func([]delivery) {}) }()
		event := new(writer).message(User("1"), "x").raw
		m.append([][]byte{event})
		synctest.Wait()
		for range 700 {
			m.append([][]byte{envelope.Control(envelope.KindBeat, time.Now())})
			synctest.Wait()
		}

		if m.passed.bytes > 2<<10 || m.log.len() != 701 || len(m.log.at(0).message) != len(event) {
			t.Errorf("%d bytes in %d places, and %d of the event, want few bytes, 701 places, and %d",
				m.passed.bytes, m.log.len(), len(m.log.at(0).message), len(event))
		}
		for range 1000 {
			m.append([][]byte{envelope.Control(envelope.KindBeat, time.Now())})
		}
		if m.log.len() > (100+1)*placesPerMessage {
			t.Errorf("%d places for at most 100 events", m.log.len())
		}
		cancel()
	})
}
