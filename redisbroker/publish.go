package redisbroker

import (
	"context"
	"fmt"
	"time"
)

// The bounds of a group, and so of what the server does in one step, unless one
// message has more.
const (
	groupMessages = 1024
	groupBytes    = 1 << 20
)

// Publish implements pull.Broker. Calls that wait at the same time share a
// round trip. If the server does not answer within four seconds and a second
// for each MiB, Publish returns an error.
func (b *Broker) Publish(ctx context.Context, messages ...[]byte) error {
	for part := range parts(messages) {
		if err := ctx.Err(); err != nil {
			return err
		}
		g := b.publisher.add(part, b.sendAll)
		select {
		case <-g.done:
			if g.err != nil {
				return fmt.Errorf("redisbroker: publish: %w", g.err)
			}
		case <-ctx.Done():
			b.publisher.abandon(g, b.sendAll)
			return ctx.Err()
		}
	}
	return nil
}

// parts cuts messages into what one group takes.
func parts(messages [][]byte) func(yield func([][]byte) bool) {
	return func(yield func([][]byte) bool) {
		for len(messages) > 0 {
			n, size := 1, len(messages[0])
			for n < len(messages) && n < groupMessages && size+len(messages[n]) <= groupBytes {
				size += len(messages[n])
				n++
			}
			if !yield(messages[:n]) {
				return
			}
			messages = messages[n:]
		}
	}
}

// sendAll sends groups until there is none.
func (b *Broker) sendAll(sender int) {
	for {
		g, ctx := b.publisher.next(sender)
		if g == nil {
			return
		}
		limit := patience + 500*time.Millisecond + forBytes(g.size)
		watch := time.AfterFunc(limit, func() { b.publisher.leave(g, errNoAnswer, b.sendAll) })
		at, err := b.insert(ctx, g.messages)
		watch.Stop()
		if err == nil {
			b.knows(at)
		}
		b.publisher.finish(g, err)
		g.cancel()
	}
}

// insert appends messages to the log and returns where the last of them is. If the
// log may be another one than this node has confirmed, it confirms it first.
func (b *Broker) insert(ctx context.Context, messages [][]byte) (position, error) {
	for range 3 {
		at, err := b.append(ctx, messages)
		if err != nil || at.id.isMessage() {
			return at, err
		}
		if _, err := b.confirm(ctx); err != nil {
			return position{}, err
		}
	}
	return position{}, errOther
}

// append is insert where this node has confirmed the log. If it has not, it
// returns the position of no message.
func (b *Broker) append(ctx context.Context, messages [][]byte) (position, error) {
	run, epoch, known := b.confirmed()
	if run == "" {
		return position{}, nil
	}
	args := make([]any, 0, 4+len(messages))
	args = append(args, run, epoch, "", "node:"+b.node)
	if known.epoch == epoch && known.id.isMessage() {
		args[2] = known.id.String()
	}
	for _, m := range messages {
		args = append(args, m)
	}
	reply, err := b.call(ctx, b.scripts.publish, args...)
	if err != nil || len(reply) == 0 {
		return position{}, err
	}
	last, err := parseID(reply[0])
	return position{epoch, last}, err
}
