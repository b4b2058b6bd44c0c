package publish

import (
	"context"
	"errors"
	"testing"

	"github.com/echo-pull/pull/internal/broker"
)

func TestPublisherWithoutRoomIsNotReady(t *testing.T) {
	p := New(new(broker.Memory), "node", nil, nil, nil)
	for _, full := range []struct{ events, bytes int }{{events: maxEvents}, {events: 1, bytes: MaxBytes}} {
		if err := p.Ready(); err != nil {
			t.Errorf("empty: got %v, want nil", err)
		}
		p.events.Add(int64(full.events))
		p.bytes.Add(int64(full.bytes))

		if err := p.Ready(); !errors.Is(err, ErrQueueFull) {
			t.Errorf("%+v: got %v, want %v", full, err, ErrQueueFull)
		}
		p.Release(full.events, full.bytes)
	}
	if err := p.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := p.Ready(); !errors.Is(err, ErrClosed) {
		t.Errorf("drained: got %v, want %v", err, ErrClosed)
	}
}
