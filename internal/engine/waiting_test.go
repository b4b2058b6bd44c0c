package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// A gate is a broker that keeps the slices it is given, and takes none before it is
// open.
type gate struct {
	open chan struct{}

	mu   sync.Mutex // guards kept
	kept [][]byte
}

func (g *gate) Publish(ctx context.Context, messages ...[]byte) error {
	select {
	case <-g.open:
	case <-ctx.Done():
		return ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()

	g.kept = append(g.kept, messages...)
	return nil
}

func (*gate) Subscribe(ctx context.Context, _ time.Duration, _ func(epoch string, offset uint64, message []byte)) error {
	<-ctx.Done()
	return nil
}

// bodies returns the bodies of the events that the broker has got.
func (g *gate) bodies(t *testing.T) (bodies []string) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()

	for _, raw := range g.kept {
		e, err := envelope.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == envelope.KindEvent {
			bodies = append(bodies, string(e.Body))
		}
	}
	return bodies
}

// Events that wait for the broker do not share memory with those that come after
// them, even if nobody waits for them any more.
func TestEventsThatWaitKeepTheirBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		e, err := New(Config{
			User: func(any) (string, error) { return "", nil }, Logger: slog.New(slog.DiscardHandler),
			Broker: g, OnError: func(error) {},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Register(Module{ID: "tasks"}); err != nil {
			t.Fatal(err)
		}
		var want []string
		next := func() event.Event {
			text := fmt.Sprint(len(want), strings.Repeat("x", 100*(len(want)%7)))
			want = append(want, fmt.Sprintf(`"tasks:update",%q]`, text))
			return event.Event{Module: "tasks", Command: "update", Params: text}
		}
		ended := func(call func(ctx context.Context) error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the end of the context", err)
			}
		}
		for range 50 {
			ended(func(ctx context.Context) error { return e.Send(ctx, event.User("1"), next()) })
			o := &Outbox{engine: e}
			for range 3 {
				if err := o.Send(event.User("1"), next()); err != nil {
					t.Fatal(err)
				}
			}
			ended(o.Flush)
			if err := o.Send(event.User("1"), next()); err != nil {
				t.Fatal(err)
			}
			o.finish(true)
		}

		close(g.open)
		synctest.Wait()
		<-time.After(time.Minute)

		bodies := g.bodies(t)
		if !slices.Equal(bodies, want) {
			t.Errorf("the broker got %d events, which are not the %d that were sent", len(bodies), len(want))
		}
		_ = e.Shutdown(t.Context())
	})
}
