//go:build !race

package engine

import (
	"slices"
	"testing"

	"github.com/echo-pull/pull/internal/event"
)

// An event without a request takes no memory but what the log and the window allocate for
// many. The race detector makes a sync.Pool forget at random, so this test runs without it.
func TestEventWithoutARequestAllocatesNothing(t *testing.T) {
	e, err := New(Config{User: func(any) (string, error) { return "", nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Shutdown(t.Context()) }()
	if err := e.Register(Module{ID: "tasks", Use: PublicSection}); err != nil {
		t.Fatal(err)
	}
	params := &struct{ ID int }{7}
	send := func() {
		if err := e.Send(t.Context(), event.User("42"), event.Event{Module: "tasks", Command: "x", Params: params}); err != nil {
			t.Error(err)
		}
	}
	for range 1000 {
		send() // what is allocated once, or grows
	}

	if got := slices.Min([]float64{testing.AllocsPerRun(200, send), testing.AllocsPerRun(200, send), testing.AllocsPerRun(200, send)}); got > 0 {
		t.Errorf("an event makes %v allocations, want none", got)
	}
}
