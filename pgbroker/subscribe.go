package pgbroker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// How often a subscription reads although nothing has woken it.
const (
	restingPoll = time.Second            // notifications arrive
	eagerPoll   = 100 * time.Millisecond // they do not
	trimPause   = 5 * time.Second        // between two looks at what is old
)

var (
	// errOther ends a subscription to a log that has become another.
	errOther = errors.New("the log has lost messages or was replaced")

	errNameless = errors.New("the row with the name of the log was deleted")
)

// Subscribe implements pull.Broker. It returns an error when the server is out of
// reach, or when the log has become another one; then subscribe again.
func (b *Broker) Subscribe(ctx context.Context, window time.Duration, deliver func(epoch string, offset uint64, message []byte)) error {
	s := &subscription{Broker: b, began: time.Now(), window: window, deliver: deliver, woken: b.join()}
	defer b.leave(s.woken)
	err := s.run(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("pgbroker: subscribe: %w", b.explain(err))
}

// A subscription reads the log from a position on.
type subscription struct {
	*Broker
	began   time.Time // when the caller subscribed: the window ends then
	window  time.Duration
	deliver func(epoch string, offset uint64, message []byte)
	woken   chan struct{}
	at      position    // the last message that was delivered
	hears   atomic.Bool // notifications arrive
}

// run follows the log until it cannot, or ctx ends.
func (s *subscription) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()

	if err := s.start(ctx); err != nil {
		return err
	}
	beside.Go(func() { s.keepTrimmed(ctx) })
	if s.listen != nil {
		beside.Go(func() { s.keepListening(ctx) })
	}
	return s.follow(ctx)
}

// slack is how much earlier a window may begin, for the time that the query needs
// to reach the server, by whose clock windows are measured.
const slack = time.Second

// start finds where the window begins.
func (s *subscription) start(ctx context.Context) error {
	since, err := within(ctx, patience+time.Second, func(ctx context.Context, _ func(time.Duration)) (since int64, err error) {
		if err := s.prepare(ctx); err != nil {
			return 0, err
		}
		window := s.window + time.Since(s.began) + slack
		err = s.db.QueryRowContext(ctx, s.sql.since, window.Microseconds()).Scan(&since)
		return since, err
	})
	s.at.offset = since
	return err
}

func (s *subscription) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		more, err := s.read(ctx)
		if err != nil {
			return err
		}
		if more {
			continue
		}
		poll := eagerPoll
		if s.hears.Load() {
			poll = restingPoll
		}
		timer := time.NewTimer(poll)
		select {
		case <-s.woken:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// read delivers what is new and reports whether there was anything.
func (s *subscription) read(ctx context.Context) (more bool, err error) {
	known := s.newest() // before the read, which then must see it
	p, err := within(ctx, patience, func(ctx context.Context, extend func(time.Duration)) (page, error) {
		return s.fetch(ctx, s.at.offset, known.offset, extend)
	})
	if err != nil {
		return false, err
	}
	if err := s.judge(ctx, &p, known); err != nil {
		return false, err
	}
	for _, r := range p.records {
		if ctx.Err() != nil {
			break
		}
		s.at.offset, s.at.mark = r.offset, r.mark
		s.deliver(s.at.epoch, uint64(r.offset), r.message) //nolint:gosec // offsets begin at 1
	}
	if len(p.records) > 0 {
		s.knows(s.at)
	}
	return len(p.records) > 0, nil
}

// judge returns an error if the log is not the one that this subscription has
// read, and takes its name at first.
func (s *subscription) judge(ctx context.Context, p *page, known position) error {
	switch {
	case p.epoch == "":
		return errors.Join(errNameless, s.renewLog(ctx, p.epoch))
	case s.at.epoch == "" && p.last == 0: // an empty log has no name yet: the first message gives it one
		return nil
	case s.at.epoch == "":
		s.at.epoch, s.at.mark = p.epoch, p.own
	case s.at.epoch != p.epoch:
		return errOther
	}
	// Messages that were in the log of this name are not: it went back without the server's history showing it, as
	// after the restoration of a snapshot of the disk.
	if p.lacks(s.at, p.own) || known.epoch == p.epoch && p.lacks(known, p.known) {
		return errors.Join(errOther, s.renewLog(ctx, p.epoch))
	}
	return nil
}

// renewLog gives the log another name.
func (s *subscription) renewLog(ctx context.Context, epoch string) error {
	_, err := within(ctx, patience, func(ctx context.Context, _ func(time.Duration)) (struct{}, error) {
		_, err := s.db.ExecContext(ctx, s.sql.renew, epoch)
		return struct{}{}, err
	})
	return err
}

// keepTrimmed deletes old messages, in steps that lock nothing for long. The
// nodes take turns: who finds another at it skips the step.
func (s *subscription) keepTrimmed(ctx context.Context) {
	const step = 2000
	told := false
	for pause(ctx, trimPause/2+rand.N(trimPause)) { //nolint:gosec // no secret
		for more := true; more; {
			var err error
			more, err = within(ctx, patience, func(ctx context.Context, _ func(time.Duration)) (more bool, err error) {
				err = s.db.QueryRowContext(ctx, s.sql.trim, s.config.KeepAge.Microseconds(), s.config.KeepCount, step).Scan(&more)
				return more, err
			})
			if err != nil && ctx.Err() == nil && !told {
				s.config.Logger.Warn("pgbroker: old messages cannot be deleted", "error", err)
			}
			told = err != nil
			more = more && pause(ctx, 2*breath)
		}
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
