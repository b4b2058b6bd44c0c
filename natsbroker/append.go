package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Each frame is published for one place in the stream: the header
// Nats-Expected-Last-Sequence names the frame before it, and the server refuses
// it behind any other. So nodes agree on offsets, and a frame that is late, for
// example because a connection broke, cannot get behind one that overtook it.

// errOvertaken reports that the stream does not end where it was expected to end.
var errOvertaken = errors.New("the stream has gone on")

// append adds messages to the log.
func (b *Broker) append(ctx context.Context, messages [][]byte) error {
	end, err := b.expected(ctx)
	f := frame{id: newID(), messages: messages}
	for uncertain := false; err == nil; {
		again, err := b.storeInTurn(ctx, &f, end)
		if !errors.Is(err, errOvertaken) {
			return err
		}
		// The answer to an earlier attempt may be what was lost.
		if uncertain = uncertain || again; uncertain && b.isStored(ctx, &f, end) {
			return nil
		}
		b.askForTurn()
		if end, err = b.catchUp(ctx, end); err != nil {
			return err
		}
	}
	return err
}

// expected returns the end of the stream as far as this node knows.
func (b *Broker) expected(ctx context.Context) (position, error) {
	if end := b.newest(); end.seq > 0 {
		return end, nil
	}
	return b.end(ctx)
}

// storeInTurn is store, for a frame that has not been given its place yet.
func (b *Broker) storeInTurn(ctx context.Context, f *frame, end position) (again bool, err error) {
	f.generation, f.previous, f.first = end.generation, end.id, end.next
	if err := b.crowd.letOthers(ctx); err != nil {
		return false, err
	}
	return b.store(ctx, f, end)
}

// isStored reports whether a frame is in the stream, behind another one.
func (b *Broker) isStored(ctx context.Context, f *frame, after position) bool {
	other, err := b.at(ctx, after.seq+1)
	if err != nil || other.id != f.id {
		return false
	}
	b.knows(after.at(after.seq+1, f))
	return true
}

// store publishes a frame behind another one. It repeats that as long as the
// server is not ready, and reports whether it has done so. It returns errOvertaken
// if the stream does not end there.
func (b *Broker) store(ctx context.Context, f *frame, after position) (again bool, err error) {
	data, attempts := f.encode(), 0
	err = b.patiently(ctx, len(data), func(ctx context.Context) error {
		if attempts++; attempts > 1 && b.config.Create {
			if _, err := b.prepare(ctx); err != nil {
				return err
			}
		}
		ack, err := b.js.PublishMsg(ctx, &nats.Msg{Subject: b.subject, Data: data},
			jetstream.WithExpectLastSequence(after.seq), jetstream.WithRetryAttempts(0))
		if err == nil {
			b.knows(after.at(ack.Sequence, f))
		}
		return err
	})
	if isOvertaken(err) {
		err = errOvertaken
	}
	return attempts > 1, err
}

func isOvertaken(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// catchUp returns the end of the stream, which is not where this node believed. If
// what this node knows to be in the log is not, the end has another generation.
func (b *Broker) catchUp(ctx context.Context, known position) (position, error) {
	if now := b.newest(); now.follows(known) { // a subscription has read it
		return now, nil
	}
	end, err := b.settledEnd(ctx, known)
	if err != nil {
		return end, err
	}
	if end.created != known.created { // another stream
		b.corrects(end)
		return end, nil
	}
	lost := end.seq < known.seq
	if !lost && end.generation == known.generation && b.crowd.verifyNow() {
		lost, err = b.lacks(ctx, known)
	}
	if lost {
		b.corrects(end)
		if end.generation == known.generation {
			end.generation = newID()
		}
	}
	return end, err
}

// settledEnd is end, but gives a new leader time if the stream has become shorter.
func (b *Broker) settledEnd(ctx context.Context, known position) (end position, err error) {
	for began := time.Now(); ; {
		end, err = b.end(ctx)
		if err != nil || end.created != known.created || end.seq >= known.seq || time.Since(began) > lag {
			return end, err
		}
		if !pause(ctx, lag/20) {
			return end, context.Cause(ctx)
		}
	}
}

// lag is how long the leader of a stream may take until it has applied what the
// one before it had acknowledged.
const lag = 1500 * time.Millisecond

// end returns the last frame of the stream, which the server answers for. If there
// is none, the position has a generation that is new.
func (b *Broker) end(ctx context.Context) (end position, err error) {
	var info *jetstream.StreamInfo
	var last *jetstream.RawStreamMsg
	err = b.patiently(ctx, 0, func(ctx context.Context) error {
		stream, err := b.js.Stream(ctx, b.config.Prefix)
		if err != nil {
			return err
		}
		info = stream.CachedInfo()
		if last, err = stream.GetLastMsgForSubject(ctx, b.subject); errors.Is(err, jetstream.ErrMsgNotFound) {
			last, err = nil, nil
		}
		return err
	})
	if err != nil {
		return end, fmt.Errorf("find the end of the stream: %w", err)
	}
	if last != nil {
		if f, err := decode(last.Data); err == nil {
			return position{created: info.Created.UnixNano()}.at(last.Sequence, f), nil
		}
		info.State.LastSeq = last.Sequence
	}
	end = position{created: info.Created.UnixNano(), seq: info.State.LastSeq, generation: newID(), next: 1}
	if end.seq > 0 { // there was a log: begin above its offsets
		end.next = uint64(time.Now().UnixMicro())
	}
	return end, nil
}

// lacks reports whether the stream has another frame at a position, and not just
// none any more.
func (b *Broker) lacks(ctx context.Context, p position) (bool, error) {
	f, err := b.at(ctx, p.seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if errors.Is(err, errForeign) {
		return true, nil
	}
	return err == nil && f.id != p.id, err
}

// at returns the frame at a place in the stream.
func (b *Broker) at(ctx context.Context, seq uint64) (f *frame, err error) {
	err = b.patiently(ctx, 0, func(ctx context.Context) error {
		stream, err := b.js.Stream(ctx, b.config.Prefix)
		if err != nil {
			return err
		}
		m, err := stream.GetMsg(ctx, seq)
		if err == nil {
			f, err = decode(m.Data)
		}
		return err
	})
	return f, err
}

// renew gives the log another generation, unless it has one already.
func (b *Broker) renew(ctx context.Context, generation uint64) error {
	for {
		end, err := b.end(ctx)
		if err != nil {
			return err
		}
		b.corrects(end)
		if end.generation != generation || end.id == 0 {
			return nil
		}
		f := frame{generation: newID(), id: newID(), previous: end.id, first: end.next}
		if _, err := b.store(ctx, &f, end); !errors.Is(err, errOvertaken) {
			return err
		}
	}
}

// refresh repeats the end of the log in an empty frame, so that the offset of the
// next message stays known when all others have expired. Another node may be
// faster.
func (b *Broker) refresh(ctx context.Context) error {
	end, err := b.end(ctx)
	if err != nil || end.id == 0 {
		return err
	}
	f := frame{generation: end.generation, id: newID(), previous: end.id, first: end.next}
	if _, err := b.store(ctx, &f, end); !errors.Is(err, errOvertaken) {
		return err
	}
	return nil
}
