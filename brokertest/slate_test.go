package brokertest

import (
	"context"
	"errors"
	"slices"
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
	breaks int // how often it was broken
	frozen bool
	skew   time.Duration // how far the engine's clock is ahead
	log    []string
	times  []time.Time // of the messages
	raw    [][]byte    // the slices passed to deliver
	moved  chan struct{}
	subs   int
}

func newSlate(wrong string) *slate { return &slate{wrong: wrong, moved: make(chan struct{})} }

var (
	errBroken   = errors.New("broken")
	errTooLarge = errors.New("too large")
)

// bound is the largest message of the slates that have one.
const bound = 1 << 20

func (s *slate) bounded() bool {
	return s.wrong == "is bounded" || s.wrong == "takes all" || s.wrong == "takes those before"
}

// A smallSlate has a largest message.
type smallSlate struct{ *slate }

func (smallSlate) MaxMessageBytes() int { return bound }

func (s *slate) Publish(ctx context.Context, messages ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	for s.frozen && (s.wrong == "hangs" || ctx.Err() == nil) {
		s.wait(ctx)
	}
	if ctx.Err() != nil && s.wrong != "takes cancelled" {
		return ctx.Err()
	}
	if s.broken {
		if s.wrong == "lies" {
			return nil
		}
		if s.wrong == "tears when it breaks" && len(messages) > 2 {
			s.write(messages[0])
			s.write(messages[2])
			s.move()
		}
		return errBroken
	}
	if s.refuses(messages) {
		return errTooLarge
	}
	failed := s.wrong == "tears" && len(messages) > 2 && len(s.log)%3 == 0
	if failed {
		messages = [][]byte{messages[0], messages[2]}
	}
	for i, m := range messages {
		text := string(m)
		switch {
		case s.wrong == "drops empty" && text == "":
			continue
		case s.wrong == "cuts" && len(text) > 1<<20:
			text = text[:1<<20]
		case s.wrong == "is full" && len(messages) > 1 && len(text) > 4<<10:
			continue
		case s.wrong == "takes half" && i > 255:
			continue
		case s.wrong == "reverses":
			text = string(messages[len(messages)-1-i])
		case s.wrong == "alters":
			text = strings.TrimSpace(text)
		case s.wrong == "loses" && len(s.log)%5 == 4:
			continue
		}
		s.write([]byte(text))
		if s.wrong == "repeats" && len(s.log)%5 == 4 {
			s.write([]byte(text))
		}
	}
	if s.wrong == "counts empty" && len(messages) == 0 {
		s.write(nil)
	}
	if s.wrong == "overwrites" {
		for _, raw := range s.raw {
			clear(raw)
		}
	}
	s.move()
	if failed {
		return errBroken
	}
	return nil
}

// refuses reports whether a message is too large. The caller has the lock.
func (s *slate) refuses(messages [][]byte) bool {
	large := slices.IndexFunc(messages, func(m []byte) bool { return len(m) > bound })
	if large < 0 || !s.bounded() || s.wrong == "takes all" {
		return false
	}
	if s.wrong == "takes those before" {
		for _, m := range messages[:large] {
			s.write(m)
		}
	}
	return true
}

// write appends a message. The caller has the lock.
func (s *slate) write(message []byte) {
	s.log = append(s.log, string(message))
	s.times = append(s.times, time.Now().Add(s.skew))
}

// wait waits, without the lock, until something has changed.
func (s *slate) wait(ctx context.Context) {
	moved := s.moved
	s.mu.Unlock()
	defer s.mu.Lock()
	if s.wrong == "hangs" {
		<-moved
		return
	}
	select {
	case <-moved:
	case <-ctx.Done():
	}
}

// since returns where a window begins. The caller has the lock.
func (s *slate) since(window time.Duration) int {
	begin := time.Now().Add(s.skew - window)
	if s.wrong == "has two clocks" {
		begin = time.Now().Add(-window)
	}
	next, _ := slices.BinarySearchFunc(s.times, begin, time.Time.Compare)
	return next
}

func (s *slate) Subscribe(ctx context.Context, window time.Duration, deliver func(string, uint64, []byte)) error {
	s.mu.Lock()
	s.subs++
	number, breaks := s.subs, s.breaks
	next, name := s.since(window), strconv.Itoa(s.epoch)
	switch s.wrong {
	case "forgets":
		next = len(s.log)
	case "begins late":
		next = len(s.log) * 9 / 10
	case "keeps little":
		next = max(0, len(s.log)-65536)
	case "renames":
		name += strconv.Itoa(s.subs)
	}
	s.mu.Unlock()
	for ctx.Err() == nil {
		s.mu.Lock()
		if strconv.Itoa(s.epoch) != name && s.wrong != "renames" && s.wrong != "is deaf" {
			s.mu.Unlock()
			return errBroken
		}
		if s.wrong == "comes again" && s.subs%2 == 0 && next > 0 {
			next--
		}
		if s.wrong == "begins again" && s.breaks > breaks {
			next, breaks = 0, s.breaks
		}
		for s.wrong == "waits" && s.frozen && ctx.Err() == nil {
			s.wait(ctx)
		}
		fresh, moved := s.log[min(next, len(s.log)):], s.moved
		s.mu.Unlock()
		for _, m := range fresh {
			next++
			if s.wrong == "overlooks" && number%3 == 0 && next == 100 {
				continue
			}
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
	case s.wrong == "overlaps" && offset < 100:
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
		Open: func(testing.TB) Broker {
			if s.bounded() {
				return smallSlate{s}
			}
			return s
		},
		Break: func(Broker) func() {
			s.set(func() { s.broken = true; s.breaks++ })
			return func() { s.set(func() { s.broken = false }) }
		},
		Faults: s.faults(),
		Lose: func(Broker) {
			s.set(func() {
				if s.log, s.times = nil, nil; s.wrong != "keeps its name" {
					s.epoch++
				}
				s.move()
			})
		},
	}
}

func (s *slate) faults() Faults {
	again := func(_ testing.TB, _ Broker) Broker {
		s.set(func() {
			switch s.wrong {
			case "is another after a restart":
				s.epoch++
			case "forgets a little":
				s.log, s.times = s.log[:len(s.log)-1], s.times[:len(s.log)-1]
			}
		})
		return s
	}
	return Faults{
		Notice:  200 * time.Millisecond,
		Restart: again,
		Kill:    again,
		Join: func(testing.TB, Broker) Broker {
			if s.wrong == "splits" {
				return newSlate("")
			}
			return s
		},
		Freeze: func(testing.TB, Broker) func() {
			s.set(func() { s.frozen = true })
			return func() { s.set(func() { s.frozen = false; s.move() }) }
		},
		Skew: func(_ testing.TB, ahead time.Duration) Broker {
			s.set(func() { s.skew = ahead })
			return s
		},
		Rewind: func(testing.TB, Broker) func() {
			kept := len(s.log)
			return func() {
				s.set(func() {
					if s.log, s.times = s.log[:kept:kept], s.times[:kept:kept]; s.wrong != "goes back" {
						s.epoch++
					}
					s.move()
				})
			}
		},
	}
}

// move wakes the subscribers. The caller has the lock.
func (s *slate) move() {
	close(s.moved)
	s.moved = make(chan struct{})
}

func (s *slate) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()

	change()
}
