package natsbroker

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// look finds out whether the stream is still the one that is read, and whether
// its messages arrive.
func (s *subscription) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errNoAnswer)
	defer cancel()
	known := s.newest() // before the look, which then must see it
	info, err := s.info(ctx)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return errOther
	case err != nil:
		return err
	case !info.Created.Equal(s.created):
		return errOther
	}
	s.looked = time.Now()
	if err := s.judge(ctx, info, known); err != nil {
		return err
	}
	if s.isStuck(info.State.LastSeq) {
		return errDetached
	}
	s.keep(ctx, info)
	return nil
}

// judge returns an error if the stream lacks what was in it, and gives the log
// another name then.
func (s *subscription) judge(ctx context.Context, info *jetstream.StreamInfo, known position) error {
	least := s.at.seq
	if known.created == info.Created.UnixNano() && (known.generation == s.generation || s.generation == 0) {
		least = max(least, known.seq)
	}
	rewritten := info.State.LastSeq == s.at.seq && info.State.Msgs > 0 && !s.time.IsZero() && !info.State.LastTime.Equal(s.time)
	if info.State.LastSeq >= least && !rewritten {
		return nil
	}
	if !rewritten {
		if back, err := s.comesBack(ctx, info, least); back || err != nil {
			return err
		}
	}
	generation := s.generation
	if generation == 0 {
		generation = known.generation
	}
	return errors.Join(errOther, s.renew(ctx, generation))
}

// comesBack gives a new leader time, and reports whether the stream is as long as
// it must be then.
func (s *subscription) comesBack(ctx context.Context, info *jetstream.StreamInfo, least uint64) (bool, error) {
	for began := time.Now(); time.Since(began) < lag; {
		if !pause(ctx, lag/20) {
			return false, context.Cause(ctx)
		}
		again, err := s.info(ctx)
		if err != nil {
			return false, err
		}
		if again.State.LastSeq >= least {
			*info = *again
			return true, nil
		}
	}
	return false, nil
}

// isStuck reports whether messages are in the stream and do not arrive.
func (s *subscription) isStuck(last uint64) bool {
	stuck := s.waits > s.at.seq && s.idle == s.at.seq || s.reconnects != s.conn.Stats().Reconnects
	s.waits, s.idle = last, s.at.seq
	return stuck
}

// keep repeats the last frame before it expires. If that fails, the next look
// tries again.
func (s *subscription) keep(ctx context.Context, info *jetstream.StreamInfo) {
	const parts = 2
	age := info.Config.MaxAge
	if age > 0 && info.State.Msgs > 0 && info.TimeStamp.Sub(info.State.LastTime) > age/parts {
		_ = s.refresh(ctx)
	}
}
