package redisbroker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A subscription confirms the log this often.
const confirmEvery = time.Second

// How long a subscription waits before it tries again, and how long it gives a
// server at most that has not answered in time.
const (
	shortestWait = 50 * time.Millisecond
	longestWait  = 2 * time.Second
	mostPatience = 2 * patience // and a wait are less than grace
)

// errOther ends a subscription to a log that has become another.
var errOther = errors.New("the log has lost messages or was replaced")

// Subscribe implements pull.Broker. It returns an error when the server goes out
// of reach. If it is called meanwhile, it waits for the server.
func (b *Broker) Subscribe(ctx context.Context, window time.Duration, deliver func(epoch string, offset uint64, message []byte)) error {
	b.joins()
	defer b.leaves() //nolint:contextcheck // it signs the node off when ctx has ended
	began, limit := time.Now(), patience
	for wait := shortestWait; ; wait = min(2*wait, longestWait) {
		s := &subscription{Broker: b, limit: limit, slow: limit > patience, deliver: deliver}
		err := s.run(ctx, func() time.Duration { return window + time.Since(began) })
		if ctx.Err() != nil {
			return nil
		}
		if b.outage.isNews(err) || s.follows {
			return fmt.Errorf("redisbroker: subscribe: %w", err)
		}
		if errors.Is(err, errNoAnswer) {
			limit = min(2*limit, mostPatience)
		}
		if !pause(ctx, wait) {
			return nil
		}
	}
}

// A subscription reads the log from a position on.
type subscription struct {
	*Broker
	limit   time.Duration // how long the server may take to answer
	slow    bool          // it took too long before, so each read asks for little
	deliver func(epoch string, offset uint64, message []byte)

	at     position // the last message that was delivered, or the place where the window begins
	behind bool     // there may be more to read at once
	began  bool     // a message was delivered

	follows bool // it has found its place in the log

	seen   state     // of the log at the last look
	looked time.Time // when that was
}

// run follows the log until it cannot, or ctx ends.
func (s *subscription) run(ctx context.Context, window func() time.Duration) error {
	if err := s.start(ctx, window); err != nil {
		return err
	}
	s.follows = true
	s.outage.end()
	for ctx.Err() == nil {
		records, err := s.read(ctx)
		if err != nil {
			return err
		}
		if s.doubts(records) {
			if err := s.look(ctx); err != nil {
				return err
			}
		}
		s.outage.end()
		s.hand(ctx, records)
	}
	return nil
}

// start finds where the window begins. It began when the caller subscribed, and
// the server counts from when it runs the script. So the window is asked for with
// a margin, and again if the reply has taken longer than that.
func (s *subscription) start(ctx context.Context, window func() time.Duration) error {
	if err := s.look(ctx); err != nil {
		return err
	}
	for margin := 50 * time.Millisecond; ; margin *= 4 {
		asked := time.Now()
		reply, err := within(ctx, s.limit, func(ctx context.Context) ([]string, error) {
			return s.call(ctx, s.scripts.since, (window()+margin).Milliseconds()+1)
		})
		if err != nil {
			return err
		}
		if time.Since(asked) <= margin {
			return s.place(reply)
		}
	}
}

// place takes the place where the window begins.
func (s *subscription) place(reply []string) error {
	if len(reply) != 2 {
		return errReply
	}
	from, err := parseID(reply[1])
	if err == nil && reply[0] != s.seen.epoch {
		err = errOther
	}
	s.at = position{s.seen.epoch, from}
	s.behind, s.began = !s.slow, from.isMessage()
	return err
}

// doubts reports whether the log must be looked at before the records are
// delivered: it is time to, they do not follow what was delivered, or they were
// written after something has happened to the log.
func (s *subscription) doubts(records []record) bool {
	if time.Since(s.looked) >= confirmEvery {
		return true
	}
	next := s.at.id.offset + 1
	for _, r := range records {
		if r.id.offset != next && s.began {
			return true
		}
		if r.id.offset > s.seen.last.offset && fmt.Sprintf("%06d", r.id.tag()) != s.seen.tag {
			return true
		}
		next = r.id.offset + 1
	}
	return false
}

// look confirms the log, and returns an error if it is another one.
func (s *subscription) look(ctx context.Context) error {
	now, err := within(ctx, s.limit, func(ctx context.Context) (state, error) {
		return s.confirm(ctx, s.at)
	})
	if err != nil {
		return err
	}
	if s.at.epoch != "" && s.at.epoch != now.epoch {
		return errOther
	}
	s.seen, s.looked = now, time.Now()
	if now.last.offset > s.at.id.offset && !s.slow {
		s.behind = true
	}
	return nil
}

// hand delivers the records.
func (s *subscription) hand(ctx context.Context, records []record) {
	for _, r := range records {
		if ctx.Err() != nil {
			return
		}
		if r.id.offset <= s.at.id.offset {
			continue // the server has repeated itself
		}
		s.at.id, s.began = r.id, true
		s.knows(s.at)
		s.deliver(s.at.epoch, r.id.offset, r.message)
	}
}

// pause waits, and reports whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
