package broker

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

func TestSnapshotOfALogIsTheSameLog(t *testing.T) {
	m := new(Memory)
	for _, text := range []string{"a", "b", "c"} {
		if err := m.Publish(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	again := new(Memory)

	if err := Restore(again, TakeSnapshot(m)); err != nil {
		t.Fatal(err)
	}

	if !reflect.DeepEqual(TakeSnapshot(again), TakeSnapshot(m)) {
		t.Errorf("got %+v, want %+v", TakeSnapshot(again), TakeSnapshot(m))
	}
	if err := again.Publish(t.Context(), []byte("d")); err != nil {
		t.Fatal(err)
	}
	if last := again.next - 1; last != 4 {
		t.Errorf("the next message got offset %d, want 4", last)
	}
}

func TestImpossibleSnapshotsAreRejected(t *testing.T) {
	for name, snapshot := range map[string]Snapshot{
		"nothing":        {},
		"no epoch":       {First: 1},
		"offset zero":    {Epoch: "a"},
		"fewer times":    {Epoch: "a", First: 1, Messages: [][]byte{nil}},
		"fewer messages": {Epoch: "a", First: 1, Times: []int64{1}},
		"odd epoch":      {Epoch: "a\n", First: 1},
		"beyond numbers": {Epoch: "a", First: envelope.MaxOffset + 1},
		"soon beyond":    {Epoch: "a", First: envelope.MaxOffset, Times: []int64{1}, Messages: [][]byte{nil}},
		"overflow":       {Epoch: "a", First: ^uint64(0), Times: []int64{1}, Messages: [][]byte{nil}},
		"negative time":  {Epoch: "a", First: 1, Times: []int64{-1}, Messages: [][]byte{nil}},
	} {
		if err := Restore(new(Memory), snapshot); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// JavaScript represents integers exactly up to 2^53 − 1.
func TestLogThatHasUsedUpItsOffsetsBeginsAnother(t *testing.T) {
	m := new(Memory)
	if err := Restore(m, Snapshot{Epoch: "a", First: envelope.MaxOffset}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var got []Delivery
	for _, text := range []string{"last", "first", "end"} {
		if err := m.Publish(ctx, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got = append(got, m.after(new(follower), "a", envelope.MaxOffset, nil)...)
	}
	cancel()

	if len(got) != 4 || got[0].Offset != envelope.MaxOffset || got[1].Offset != 1 || got[1].Epoch == "a" || got[3].Offset != 2 {
		t.Errorf("got %v, want the last offset and then the first of another epoch", got)
	}
}

func TestMemoryIsSafeForConcurrentUse(t *testing.T) {
	m := &Memory{Count: 100}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	for range 4 {
		go func() { ended <- m.Subscribe(ctx, time.Hour, func(string, uint64, []byte) {}) }()
		go func() {
			for range 500 {
				if err := m.Publish(ctx, []byte("x"), []byte("y")); err != nil {
					t.Error(err)
				}
				TakeSnapshot(m)
			}
			ended <- nil
		}()
	}
	for range 4 {
		<-ended
	}
	cancel()
	for range 4 {
		if err := <-ended; err != nil {
			t.Errorf("got %v, want nil", err)
		}
	}
}
