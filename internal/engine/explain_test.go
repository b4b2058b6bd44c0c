package engine

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// explained returns an engine with a module.
func explained(t *testing.T) *Engine {
	t.Helper()
	e, err := New(Config{User: func(any) (string, error) { return "", nil }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	if err := e.Register(Module{ID: "tasks"}); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestExplainAnswersFromTheLog(t *testing.T) {
	e := explained(t)
	if err := e.Send(t.Context(), event.User("7"), event.Event{Module: "tasks", Command: "update"}); err != nil {
		t.Fatal(err)
	}
	if !e.hub.Await(t.Context(), func() bool { return len(e.Recent(1)) > 0 }) {
		t.Fatal("the event did not come back from the log")
	}
	sent := e.Recent(1)[0]

	x, err := e.Explain(t.Context(), "7", envelope.Cursor{Offset: sent.Offset})

	if err != nil || x.Event == nil || x.Event.Command != "update" || x.Verdict == "" {
		t.Errorf("got %+v and %v, want the event", x, err)
	}
	if nodes := e.Nodes(); len(nodes) != 1 || !nodes[0].Self || nodes[0].ID != sent.Node {
		t.Errorf("got the nodes %+v, want this one, which has sent the event of %q", nodes, sent.Node)
	}
	if own := e.RecentOf("7", 10); len(own) != 1 || len(e.RecentOf("8", 10)) > 0 {
		t.Errorf("got %+v, want the event for its user alone", own)
	}
	if s := e.Sessions("7"); len(s) > 0 {
		t.Errorf("got %+v, want no sessions", s)
	}
}

func TestExplainRefusesWhatCannotBe(t *testing.T) {
	e := explained(t)
	if _, err := e.Explain(t.Context(), "7", envelope.Cursor{}); !errors.Is(err, ErrNoEvent) {
		t.Errorf("got %v for the offset 0, want ErrNoEvent", err)
	}
	if _, err := e.Explain(t.Context(), "7", envelope.Cursor{Offset: 1 << 60}); !errors.Is(err, ErrNoEvent) {
		t.Errorf("got %v for an offset that no page can hold, want ErrNoEvent", err)
	}
	if _, err := e.Explain(t.Context(), "\n", envelope.Cursor{Offset: 1}); err == nil {
		t.Error("got no error for a user id with a control character")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Explain(ended, "7", envelope.Cursor{Offset: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the error of the context", err)
	}
}
