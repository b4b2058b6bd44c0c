package engine

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/internal/event"
)

// windowEngine returns an engine that runs until the test ends.
func windowEngine(t *testing.T, c Config) *Engine {
	t.Helper()
	c.User = func(any) (string, error) { return "", nil }
	c.Logger = slog.New(slog.DiscardHandler)
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Shutdown(t.Context()) })
	if err := e.Register(Module{ID: "tasks"}); err != nil {
		t.Fatal(err)
	}
	return e
}

// fill sends n messages with params of a number of bytes, and waits until all of
// them are in the window.
func (e *Engine) fill(t *testing.T, n, params int, to func(i int) event.Target) {
	t.Helper()
	before := e.Stats().Messages
	text := strings.Repeat("x", params-2) // and two quotes
	for i := range n {
		if err := e.Send(t.Context(), to(i), event.Event{Module: "tasks", Command: "update", Params: text}); err != nil {
			t.Fatal(err)
		}
	}
	e.hub.Await(t.Context(), func() bool { return e.hub.Counts().Messages == before+uint64(n) })
}

func toUserOf(n int) func(i int) event.Target {
	return func(i int) event.Target { return event.User("user" + strconv.Itoa(i%n)) }
}

func TestWindowBytesAreWhatTheHeapHolds(t *testing.T) {
	for name, to := range map[string]func(i int) event.Target{
		"one user":                toUserOf(1),
		"10,000 users":            toUserOf(10_000),
		"a user for each message": toUserOf(math.MaxInt),
		"a tag and two users each": func(i int) event.Target {
			return event.Tag("TASK_" + strconv.Itoa(i%1000)).Or(event.User("1", strconv.Itoa(i%100)))
		},
	} {
		for _, params := range []int{20, 200, 4 << 10} {
			t.Run(fmt.Sprintf("%d bytes to %s", params, name), func(t *testing.T) {
				n := 20_000
				if params > 1000 {
					n = 8000
				}
				var got, want float64
				for range 3 { // other goroutines of the runtime may use memory meanwhile, which is no error if it is gone the next time
					e := windowEngine(t, Config{})
					e.fill(t, 5000, params, to) // so that buffers have the size that they keep
					heap, counted := heapOfEngine(), e.Stats().WindowBytes

					e.fill(t, n, params, to)

					got, want = float64(e.Stats().WindowBytes-counted), heapOfEngine()-heap
					t.Logf("%.0f B of heap for a message, %.0f counted", want/float64(n), got/float64(n))
					if math.Abs(got-want) <= want/10 {
						return
					}
				}
				t.Errorf("WindowBytes counts %.0f B for a message, the heap has %.0f B more", got/float64(n), want/float64(n))
			})
		}
	}
}

// What is old goes although nothing is sent any more: from the window, the index
// and the embedded log.
func TestOldMessagesAreGivenBackInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20_000
		e := windowEngine(t, Config{WindowAge: 3 * time.Second})
		before := heapOfEngine()
		e.fill(t, n, 200, toUserOf(n))
		full := heapOfEngine()

		<-time.After(time.Minute)
		synctest.Wait()

		s, left := e.Stats(), heapOfEngine()
		t.Logf("%.1f MB, then %.1f MB", (full-before)/1e6, (left-before)/1e6)
		if s.WindowMessages != 0 || s.WindowBytes != 0 || left-before > (full-before)/10 {
			t.Errorf("%d messages of %d bytes and %.1f of %.1f MB are left, want none and nearly none",
				s.WindowMessages, s.WindowBytes, (left-before)/1e6, (full-before)/1e6)
		}
		_ = e.Shutdown(t.Context())
	})
}
