package engine

import (
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/event"
)

func benchEngine(b *testing.B) *Engine {
	b.Helper()
	e, err := New(Config{User: func(any) (string, error) { return "", nil }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Shutdown(b.Context()) })
	if err := e.Register(Module{ID: "tasks"}); err != nil {
		b.Fatal(err)
	}
	return e
}

type note struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
}

func BenchmarkEncode(b *testing.B) {
	e := benchEngine(b)
	t, ev := event.User("42"), event.Event{Module: "tasks", Command: "update", Params: &note{7, "Write it down"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.encode(&t, &ev, ""); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSend measures what a handler waits for: checking, encoding and
// collecting.
func BenchmarkSend(b *testing.B) {
	e := benchEngine(b)
	o := &Outbox{engine: e}
	t, ev := event.User("42"), event.Event{Module: "tasks", Command: "update", Params: &note{7, "Write it down"}}
	b.ReportAllocs()
	for b.Loop() {
		if err := o.Send(t, ev); err != nil {
			b.Fatal(err)
		}
		o.Discard()
	}
}

// BenchmarkWindowMemory measures the memory of a message of 200 B in the window.
// Run it with -benchtime 1x.
func BenchmarkWindowMemory(b *testing.B) {
	const many = 50_000
	for b.Loop() {
		e := benchEngine(b)
		before := heapOfEngine()
		for i := range many {
			t := event.User(strconv.Itoa(i % 1000))
			if err := e.Send(b.Context(), t, event.Event{Module: "tasks", Command: "update", Params: strings.Repeat("x", 100)}); err != nil {
				b.Fatal(err)
			}
		}
		e.hub.Await(b.Context(), func() bool { events, _ := e.publisher.Queued(); return events == 0 })
		b.ReportMetric((heapOfEngine()-before)/many, "B/one")
	}
}

func heapOfEngine() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
