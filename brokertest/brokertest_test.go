package brokertest

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// slate is a small broker that keeps every promise but one.
type slate struct {
	wrong string // how it breaks a promise

	mu     sync.Mutex // guards the fields below
	epoch  int
	broken bool
	log    []string
	raw    [][]byte // the slices passed to deliver
	moved  chan struct{}
	subs   int
}

func newSlate(wrong string) *slate { return &slate{wrong: wrong, moved: make(chan struct{})} }

var errBroken = errors.New("broken")

func (s *slate) Publish(ctx context.Context, messages ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if ctx.Err() != nil && s.wrong != "takes cancelled" {
		return ctx.Err()
	}
	if s.broken {
		if s.wrong == "lies" {
			return nil
		}
		return errBroken
	}
	for i, m := range messages {
		text := string(m)
		switch {
		case s.wrong == "reverses":
			text = string(messages[len(messages)-1-i])
		case s.wrong == "alters":
			text = strings.TrimSpace(text)
		case s.wrong == "loses" && len(s.log)%5 == 4:
			continue
		}
		s.log = append(s.log, text)
		if s.wrong == "repeats" && len(s.log)%5 == 4 {
			s.log = append(s.log, text)
		}
	}
	if s.wrong == "counts empty" && len(messages) == 0 {
		s.log = append(s.log, "")
	}
	if s.wrong == "overwrites" {
		for _, raw := range s.raw {
			clear(raw)
		}
	}
	close(s.moved)
	s.moved = make(chan struct{})
	return nil
}

func (s *slate) Subscribe(ctx context.Context, _ time.Duration, deliver func(string, uint64, []byte)) error {
	s.mu.Lock()
	s.subs++
	next, name := 0, strconv.Itoa(s.epoch)
	switch s.wrong {
	case "forgets":
		next = len(s.log)
	case "renames":
		name += strconv.Itoa(s.subs)
	}
	s.mu.Unlock()
	for ctx.Err() == nil {
		s.mu.Lock()
		if strconv.Itoa(s.epoch) != name && s.wrong != "renames" {
			s.mu.Unlock()
			return errBroken
		}
		fresh, moved := s.log[min(next, len(s.log)):], s.moved
		s.mu.Unlock()
		for _, m := range fresh {
			next++
			s.hand(deliver, name, next, m)
		}
		if len(fresh) > 0 {
			continue
		}
		select {
		case <-moved:
		case <-ctx.Done():
		}
	}
	if s.wrong == "ends badly" {
		return ctx.Err()
	}
	return nil
}

func (s *slate) hand(deliver func(string, uint64, []byte), epoch string, offset int, m string) {
	at := uint64(offset)
	switch {
	case s.wrong == "skips" && offset > 3:
		at++
	case s.wrong == "starts at zero":
		at--
	case s.wrong == "counts too far":
		at += 1<<53 - 3
	case s.wrong == "has no name":
		epoch = ""
	case s.wrong == "is called odd":
		epoch += "\n"
	case s.wrong == "is not text":
		epoch += "\xff"
	case s.wrong == "has a long name":
		epoch += strings.Repeat("x", 255)
	case s.wrong == "overlaps" && offset == 2:
		go deliver(epoch, at, []byte(m))
		deliver(epoch, at, []byte(m))
	}
	raw := []byte(m)
	s.mu.Lock()
	s.raw = append(s.raw, raw)
	s.mu.Unlock()
	deliver(epoch, at, raw)
}

func (s *slate) suite() Suite {
	return Suite{
		Patience: 2 * time.Second,
		Open:     func(testing.TB) Broker { return s },
		Break: func(Broker) func() {
			s.set(func() { s.broken = true })
			return func() { s.set(func() { s.broken = false }) }
		},
		Lose: func(Broker) {
			s.set(func() {
				if s.log = nil; s.wrong != "keeps its name" {
					s.epoch++
				}
				close(s.moved)
				s.moved = make(chan struct{})
			})
		},
	}
}

func (s *slate) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()

	change()
}

func TestHonestBrokerPasses(t *testing.T) {
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			s := newSlate("").suite()
			if err := s.check(t, &p); err != nil {
				t.Errorf("got %v, want the promise kept: %s", err, p.promise)
			}
		})
	}
}

func TestWrongBrokerIsFound(t *testing.T) {
	for wrong, promise := range map[string]string{
		"reverses":        "order",
		"loses":           "concurrent publishers",
		"repeats":         "live after the window",
		"skips":           "no hole",
		"starts at zero":  "starts above zero",
		"counts too far":  "positions for pages",
		"has no name":     "positions for pages",
		"is called odd":   "positions for pages",
		"is not text":     "positions for pages",
		"has a long name": "positions for pages",
		"alters":          "unaltered",
		"overwrites":      "kept",
		"overlaps":        "one at a time",
		"forgets":         "window",
		"renames":         "epoch stays",
		"ends badly":      "ends in the middle",
		"takes cancelled": "publish cancelled",
		"counts empty":    "nothing",
		"lies":            "publish out of reach",
		"keeps its name":  "another log",
	} {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel()
			for _, p := range promises {
				if p.name != promise {
					continue
				}
				s := newSlate(wrong).suite()
				if s.check(t, &p) == nil {
					t.Errorf("the suite passed, want a failure of %q", promise)
				}
				return
			}
			t.Errorf("no promise %q", promise)
		})
	}
}
