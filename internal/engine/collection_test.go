package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// The batch of a collection is what was added and not replaced, in that order, also
// after the collection's memory has served others.
func TestCollectionKeepsEventsInTheirOrder(t *testing.T) {
	target := event.User("42")
	random := rand.New(rand.NewPCG(1, 2))
	var got, want [][]byte
	for range 200 {
		c := newCollection()
		var model [][]byte
		last := make(map[string][]byte)
		for i := range random.IntN(60) {
			raw := fmt.Append(nil, i, strings.Repeat("x", random.IntN(2000)*random.IntN(2)*random.IntN(20)))
			if key := strconv.Itoa(random.IntN(5)); random.IntN(2) == 0 {
				replaced := last[key]
				if size := c.replace(key, &target); size != len(replaced) {
					t.Fatalf("replaced %d bytes, want %d", size, len(replaced))
				}
				model = slices.DeleteFunc(model, func(m []byte) bool { return replaced != nil && &m[0] == &replaced[0] })
				last[key] = raw
			}
			c.add(raw)
			model = append(model, raw)
		}

		b := c.batch()

		if size := len(bytes.Join(model, nil)); b.Events != len(model) || b.Size != size {
			t.Fatalf("got %d events of %d bytes, want %d of %d", b.Events, b.Size, len(model), size)
		}
		for _, m := range b.Messages {
			got = append(got, bytes.Clone(m)) // as the publisher does
		}
		want = append(want, model...)
		c.release()
	}
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("got %d messages, which are not the %d that were sent", len(got), len(want))
	}
}

func TestReplacedEventsTakeBoundedMemory(t *testing.T) {
	target, raw := event.User("42"), make([]byte, 1000)
	c := new(collection)
	for range 10_000 {
		c.replace("progress", &target)
		c.add(raw)
	}

	if got := cap(c.raw); got > 4*keptBytes {
		t.Errorf("one event of 1,000 bytes takes %d bytes, want %d at most", got, 4*keptBytes)
	}
	if got := cap(c.spans); got > keptEvents {
		t.Errorf("one event takes %d places, want %d at most", got, keptEvents)
	}
	if b := c.batch(); len(b.Messages) != 1 || b.Events != 1 || b.Size != 1000 {
		t.Errorf("got %d messages, %d events, %d bytes, want 1, 1, 1000", len(b.Messages), b.Events, b.Size)
	}
}

func TestLargeCollectionsAreNotKept(t *testing.T) {
	c := new(collection)
	c.add(make([]byte, 2*keptBytes))
	c.release()

	if len(c.raw) == 0 {
		t.Error("a large collection was made ready for another request")
	}
}

// Goroutines of many requests send, flush and discard at once, also after their
// request has ended: whatever is published is of one request.
func TestRequestsDoNotShareCollections(t *testing.T) {
	log := new(broker.Memory)
	e := windowEngine(t, Config{Broker: log})
	var running sync.WaitGroup
	for i := range 300 {
		o, user := &Outbox{engine: e}, strconv.Itoa(i)
		for range 3 {
			running.Go(func() {
				for j := range 20 {
					_ = o.Send(event.User(user), event.Event{Module: "tasks", Command: "update", Params: strings.Repeat(user+",", j), Key: strconv.Itoa(j % 6)})
					switch j % 7 {
					case 3:
						_ = o.Flush(t.Context())
					case 5:
						o.Discard()
					}
				}
			})
		}
		running.Go(func() { o.finish(i%3 > 0) })
	}
	running.Wait()

	events := 0
	for _, raw := range broker.TakeSnapshot(log).Messages {
		m, err := envelope.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if !m.Kind.IsEvent() {
			continue
		}
		events++
		for term := range m.Addr.Terms() {
			for user := range term.Users.All() {
				rest := strings.ReplaceAll(strings.TrimPrefix(string(m.Body), `"tasks:update","`), string(user)+",", "")
				if rest != `"]` {
					t.Fatalf("user %s gets %s", user, m.Body)
				}
			}
		}
	}
	if events == 0 {
		t.Error("nothing was published")
	}
}
