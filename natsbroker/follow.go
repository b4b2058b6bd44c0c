package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	tick      = time.Second      // between two looks at the stream
	heartbeat = time.Second      // of the server, while there is nothing to deliver
	lifetime  = 30 * time.Second // of a consumer that is left behind
)

// errDetached ends a consumer that has missed messages, or may do so. Another one
// goes on where it ended.
var errDetached = errors.New("the consumer has ended")

// A subscription reads the stream from a position on.
type subscription struct {
	*Broker
	began   time.Time // when the caller subscribed: the window ends then
	window  time.Duration
	deliver func(epoch string, offset uint64, message []byte)

	created    time.Time // the stream
	generation uint64    // of the log, 0 as long as it is empty
	epoch      string
	history    uint64 // frames up to here may be of earlier generations

	at      position  // the last frame that was delivered
	time    time.Time // when that was stored
	gap     uint64    // a frame behind which another one is missing
	foreign bool      // a message that is no frame was logged

	attached   bool      // the stream was reached
	looked     time.Time // when the stream was looked at last
	waits      uint64    // the last frame of the stream then
	idle       uint64    // the last frame that had been delivered
	reconnects uint64    // of the connection, when the consumer began
}

// run follows the log until it cannot, or ctx ends.
func (s *subscription) run(ctx context.Context) error {
	for ctx.Err() == nil {
		messages, err := s.attach(ctx)
		if err != nil {
			return err
		}
		s.attached = true
		s.outage.end()
		err = s.follow(ctx, messages)
		messages.Stop()
		if err != nil && !errors.Is(err, errDetached) {
			return err
		}
	}
	return nil
}

// attach verifies that the log is the one that was read so far, and begins to
// read it behind the last frame that was delivered.
func (s *subscription) attach(ctx context.Context) (jetstream.MessagesContext, error) { //nolint:ireturn // the library has no other type
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errNoAnswer)
	defer cancel()
	s.reconnects, s.waits = s.conn.Stats().Reconnects, 0
	known := s.newest()
	info, err := s.prepare(ctx)
	if err == nil && !s.created.IsZero() && !s.created.Equal(info.Created) {
		err = errOther
	}
	if err == nil {
		err = s.judge(ctx, info, known)
	}
	if err == nil {
		err = s.name(ctx, info)
	}
	if err != nil {
		return nil, err
	}
	return s.consume(ctx, info)
}

// name finds out which log the stream holds.
func (s *subscription) name(ctx context.Context, info *jetstream.StreamInfo) error {
	known := s.newest()
	end, err := s.end(ctx)
	if err != nil {
		return err
	}
	if known.created == end.created && known.seq > 0 && known.seq <= end.seq && known.generation == end.generation {
		lost, err := s.lacks(ctx, known)
		if err != nil {
			return err
		}
		if lost {
			return errors.Join(errOther, s.renew(ctx, end.generation))
		}
	}
	if end.id == 0 { // an empty log has no name yet: the first frame gives it one
		end.generation = 0
	} else {
		s.knows(end)
	}
	switch {
	case s.created.IsZero():
		s.created, s.history = info.Created, max(end.seq, info.State.LastSeq)
		s.adopt(end.generation)
	case end.id != 0 && s.generation != 0 && s.generation != end.generation:
		return errOther
	}
	return nil
}

func (s *subscription) adopt(generation uint64) {
	s.generation, s.epoch = generation, epochOf(s.created, generation)
}

// consume creates a consumer behind the last frame that was delivered, or one that
// begins with the window.
func (s *subscription) consume(ctx context.Context, info *jetstream.StreamInfo) (messages jetstream.MessagesContext, err error) { //nolint:ireturn // likewise
	config := jetstream.ConsumerConfig{
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: lifetime,
	}
	if s.at.seq > 0 {
		config.DeliverPolicy, config.OptStartSeq = jetstream.DeliverByStartSequencePolicy, s.at.seq // delivers it again
	} else {
		since := info.TimeStamp.Add(-s.window - time.Since(s.began)) // by the server's clock, as the messages
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	}
	err = s.patiently(ctx, 0, func(ctx context.Context) error {
		consumer, err := s.js.CreateConsumer(ctx, s.config.Prefix, config)
		if err != nil {
			return err
		}
		const most = 512
		size := max(8<<20, 2*int(s.conn.MaxPayload()))
		messages, err = consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(most, size),
			jetstream.PullExpiry(lifetime), jetstream.PullHeartbeat(heartbeat))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create a consumer: %w", err)
	}
	s.looked = time.Now()
	return messages, nil
}

// follow delivers messages until something is wrong.
func (s *subscription) follow(ctx context.Context, messages jetstream.MessagesContext) error {
	for ctx.Err() == nil {
		left := tick - time.Since(s.looked)
		if left <= 0 {
			if err := s.look(ctx); err != nil {
				return err
			}
			continue
		}
		m, err := next(ctx, messages, left)
		switch {
		case errors.Is(err, nats.ErrTimeout):
			continue
		case err != nil:
			return fmt.Errorf("%w: %w", errDetached, err)
		}
		if err := s.take(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// next waits for a message. It returns nats.ErrTimeout if there is none.
func next(ctx context.Context, messages jetstream.MessagesContext, left time.Duration) (jetstream.Msg, error) { //nolint:ireturn // likewise
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	m, err := messages.Next(jetstream.NextContext(ctx))
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = nats.ErrTimeout
	}
	return m, err
}

// take delivers a frame, if it is the one that follows.
func (s *subscription) take(ctx context.Context, m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("%w: %w", errDetached, err)
	}
	seq := meta.Sequence.Stream
	f, err := decode(m.Data())
	if err != nil {
		s.skip(seq, meta.Timestamp)
		return nil //nolint:nilerr // it is logged
	}
	switch {
	case seq <= s.at.seq:
		if seq == s.at.seq && s.at.id != 0 && f.id != s.at.id {
			return s.forked(ctx)
		}
		return nil // it was delivered before
	case s.at.seq > 0 && seq != s.at.seq+1 && s.gap != s.at.seq:
		s.gap = s.at.seq // look again: only a frame that is missing twice is lost
		return errDetached
	}
	if err := s.verify(ctx, seq, f); err != nil {
		return err
	}
	s.hand(ctx, f)
	s.at, s.time = position{created: s.created.UnixNano()}.at(seq, f), meta.Timestamp
	if seq > s.history {
		s.knows(s.at)
	}
	return nil
}

// verify returns an error if a frame shows that the log is not the one that was
// read so far.
func (s *subscription) verify(ctx context.Context, seq uint64, f *frame) error {
	if s.generation == 0 {
		s.adopt(f.generation)
	}
	known := s.newest()
	switch {
	case f.generation == s.generation && seq == s.at.seq+1 && s.at.id != 0 && f.previous != s.at.id,
		known.created == s.created.UnixNano() && f.generation == known.generation && seq == known.seq && f.id != known.id:
		return s.forked(ctx)
	case f.generation != s.generation && seq > s.history:
		return errOther
	}
	return nil
}

// forked gives the log, which has gone back and on from there, another name.
func (s *subscription) forked(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errNoAnswer)
	defer cancel()
	return errors.Join(errOther, s.renew(ctx, s.generation))
}

// hand delivers the messages of a frame.
func (s *subscription) hand(ctx context.Context, f *frame) {
	for i, m := range f.messages {
		offset := f.first + uint64(i)
		if offset < s.at.next {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		s.deliver(s.epoch, offset, m)
	}
}

// skip goes past a message that is no frame.
func (s *subscription) skip(seq uint64, at time.Time) {
	if !s.foreign {
		s.foreign = true
		s.config.Logger.Warn("natsbroker: the stream has a message that was not published by this package",
			"stream", s.config.Prefix, "sequence", seq)
	}
	if seq > s.at.seq {
		s.at.seq, s.at.id, s.time = seq, 0, at
	}
}
