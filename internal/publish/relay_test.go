package publish

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// A silent log takes messages and never returns.
type silent struct{}

func (silent) Publish(ctx context.Context, _ ...[]byte) error {
	<-ctx.Done()
	return ctx.Err()
}

func (silent) Subscribe(context.Context, time.Duration, func(string, uint64, []byte)) error {
	return nil
}

type nothing struct{}

func (nothing) Report(error)                            {}
func (nothing) Succeed()                                {}
func (nothing) Applied() uint64                         { return 0 }
func (nothing) Await(context.Context, func() bool) bool { return false }
func (nothing) HandedOver(uint64)                       {}

func message() []byte {
	to := envelope.Term{Users: []string{"7"}}
	now := time.Unix(1_700_000_000, 0)
	return envelope.Relay(envelope.SenderName("page", "42"), &to, []byte(`"im:x",{}]`), now, now)
}

// However many messages pages send while the broker does not respond, every event has
// its place; and messages have none while events take half of the queue.
func TestMessagesOfPagesTakeNoPlaceOfAnEvent(t *testing.T) {
	p := New(silent{}, "12345678", nothing{}, func(error) {}, nothing{})
	accepted := 0
	for range 2 * maxRelays {
		switch err := p.Relay(message(), nil); {
		case err == nil:
			accepted++
		case !errors.Is(err, ErrQueueFull):
			t.Fatalf("got %v, want %v", err, ErrQueueFull)
		}
	}
	if events, bytes := p.Queued(); accepted != maxRelays || events != 0 || bytes != 0 {
		t.Errorf("accepted %d messages, and %d places with %d bytes are taken; want %d, and none", accepted, events, bytes, maxRelays)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.Run(ctx) // which drops the queue
	if got := p.relays.Load(); got != 0 {
		t.Errorf("%d messages are still counted, want none", got)
	}
}

func TestMessageOfAPageIsRefusedWhileTheQueueIsHalfFull(t *testing.T) {
	p := New(silent{}, "12345678", nothing{}, func(error) {}, nothing{})
	p.events.Store(maxEvents / 2)
	if err := p.Relay(message(), nil); err != nil {
		t.Errorf("at one half: got %v, want nil", err)
	}
	p.events.Store(maxEvents/2 + 1)
	if err := p.Relay(message(), nil); !errors.Is(err, ErrQueueFull) {
		t.Errorf("beyond one half: got %v, want %v", err, ErrQueueFull)
	}
	p.events.Store(0)
	if err := p.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Relay(message(), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: got %v, want %v", err, ErrClosed)
	}
}

// The sender of updates waits for the one before, and must not wait for ever.
func TestMessageIsSettledOnceWhateverBecomesOfIt(t *testing.T) {
	settled := 0
	count := func() { settled++ }
	p := New(silent{}, "12345678", nothing{}, func(error) {}, nothing{})
	if err := p.Relay(message(), count); err != nil || settled != 0 {
		t.Fatalf("got %v, settled %d times while the message waits; want nil, 0", err, settled)
	}
	p.failing.Store(true)
	if err := p.Relay(message(), count); err == nil || settled != 1 {
		t.Errorf("refused: got %v, settled %d times, want an error, 1", err, settled)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.Run(ctx) // which drops the queue
	if settled != 2 {
		t.Errorf("at the end: settled %d times, want 2", settled)
	}
	if err := p.Relay(message(), count); err == nil || settled != 3 {
		t.Errorf("after the end: got %v, settled %d times, want an error, 3", err, settled)
	}
}
