package redisbroker_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
)

// While the server takes no writes, Publish returns an error and subscribers stay.
// Events go on when it takes them.
func TestServerThatRefusesWrites(t *testing.T) {
	for name, test := range map[string]struct{ refuse, accept func(*server, *testing.T) }{
		"full memory": {
			func(s *server, t *testing.T) {
				s.do(t, []any{"CONFIG", "SET", "maxmemory-policy", "noeviction"}, []any{"CONFIG", "SET", "maxmemory", "1"})
			},
			func(s *server, t *testing.T) { s.do(t, []any{"CONFIG", "SET", "maxmemory", "0"}) },
		},
		"no replicas": {
			func(s *server, t *testing.T) { s.do(t, []any{"CONFIG", "SET", "min-replicas-to-write", "1"}) },
			func(s *server, t *testing.T) { s.do(t, []any{"CONFIG", "SET", "min-replicas-to-write", "0"}) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := newBroker(t, s, "pull")
			l := follow(t, b)
			publish(t, b, "before")
			l.sees(t, "before")

			test.refuse(s, t)

			if err := b.Publish(t.Context(), []byte("during")); err == nil {
				t.Error("Publish returned nil while the server refused writes")
			}
			looks := s.scriptCalls(t)
			eventually(t, func() error { // the subscription looks at the log twice
				if n := s.scriptCalls(t) - looks; n < 2 {
					return fmt.Errorf("got %d looks", n)
				}
				return nil
			})
			test.accept(s, t)
			publish(t, b, "after")
			entries := l.sees(t, "after")
			unbroken(t, entries)
			if _, failed, _ := l.state(); len(failed) > 0 || len(entries) != 2 {
				t.Errorf("got %v and errors %v, want two messages", entries, failed)
			}
		})
	}
}

// A server whose memory fills up in the middle of events loses none that it has
// confirmed.
func TestMemoryThatFillsUp(t *testing.T) {
	s := newServer(t, "--maxmemory", "8mb", "--maxmemory-policy", "noeviction")
	b := newBroker(t, s, "pull")
	l := follow(t, b)
	message := bytes.Repeat([]byte("x"), 100_000)
	acked := 0
	for b.Publish(context.Background(), message) == nil {
		if acked++; acked > 1000 {
			t.Fatal("the memory does not fill up")
		}
	}

	s.do(t, []any{"CONFIG", "SET", "maxmemory", "0"})

	publish(t, b, "end")
	entries := l.sees(t, "end")
	unbroken(t, entries)
	if len(entries) != acked+1 {
		t.Errorf("got %d messages, want %d", len(entries)-1, acked)
	}
}
