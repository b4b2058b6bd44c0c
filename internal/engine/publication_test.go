package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/publication"
	"github.com/echo-pull/pull/internal/publish"
)

// Of a publication for which the queue has no room, nothing stays in the queue.
func TestPublicationThatDoesNotFitTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := New(Config{User: func(any) (string, error) { return "", nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = e.Shutdown(context.Background()) }()
		if err := e.Register(Module{ID: "tasks"}); err != nil {
			t.Fatal(err)
		}
		line := publication.Line{Target: event.User("1"), Event: event.Event{Module: "tasks", Command: "x"}}
		empty := e.publisher.Fill()
		defer empty()
		e.publisher.Release(2, 0) // two places are left
		before, bytes := e.publisher.Queued()

		_, err = e.Publish(t.Context(), &Publication{Lines: []publication.Line{line, line, line}})

		if !errors.Is(err, publish.ErrQueueFull) {
			t.Errorf("got %v, want %v", err, publish.ErrQueueFull)
		}
		if events, left := e.publisher.Queued(); events != before || left != bytes {
			t.Errorf("got %d events and %d bytes in the queue, want %d and %d", events, left, before, bytes)
		}
		e.publisher.Release(-2, 0)
	})
}
