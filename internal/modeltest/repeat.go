package modeltest

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/publication"
)

// sendRepeatedly publishes as another service does, under a key: on one or two nodes at a
// time, and again for as long as there is no response. It returns how many events were
// accepted. Pages must get each once.
func (w *World) sendRepeatedly(r *rand.Rand) (events int) {
	path := "/publish?" + w.query(r, 1+r.IntN(6))
	losses := w.losses.Load()
	var copies sync.WaitGroup
	if r.IntN(2) == 0 { // the service has lost patience with the first attempt
		n := w.node(r)
		copies.Go(func() { _ = n.operate(path) })
	}
	err := w.node(r).operate(path)
	for attempt := 0; err != nil && attempt < 3; attempt++ {
		<-time.After(20 * time.Millisecond)
		err = w.node(r).operate(path)
	}
	copies.Wait()
	if r.IntN(4) == 0 {
		_ = w.node(r).operate(path)
	}
	if err != nil {
		return 0
	}
	request, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, path, nil)
	lines, numbers := linesOf(drawFrom(request))
	for i, number := range numbers {
		if lines[i].Event.Key == "" { // no other one replaces it
			w.sent.Store(number, losses)
		}
	}
	return len(lines)
}

// linesOf draws the events of a request, and returns them with their numbers.
func linesOf(from *source) (lines []publication.Line, numbers []uint64) {
	for range from.events {
		if d := from.next(); !d.params.isForNobody() {
			lines = append(lines, publication.Line{Target: d.target, Event: d.event("model")})
			numbers = append(numbers, d.params.Number)
		}
	}
	return lines, numbers
}

// repeatable publishes the events of a request to /publish, of which the number of the
// first one is the key.
func repeatable(p Plugin, r *http.Request) error {
	const patience = 3 * time.Second
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	lines, _ := linesOf(drawFrom(r))
	if len(lines) == 0 {
		return nil
	}
	request := &engine.Publication{Content: [16]byte(sum(r.URL.RawQuery)), Lines: lines}
	copy(request.Key[:], sum("key "+strconv.FormatUint(drawFrom(r).number, 10)))
	_, err := engine.Of(p.Watch()).Publish(ctx, request)
	return err
}

func sum(text string) []byte {
	s := sha256.Sum256([]byte(text))
	return s[:16]
}
