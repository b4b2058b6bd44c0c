package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

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
