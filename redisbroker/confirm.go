package redisbroker

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"
)

// grace is how long the nodes have, after a restart of the server, to confirm that
// the log has what they know of. A node that is silent for so long while the
// server runs has ended, and what it knows is on the server's disk.
const grace = 10 * time.Second

// A state is what the log is at a moment.
type state struct {
	run, epoch string
	last       id
	tag        string // of the messages that follow
}

// confirm makes sure that the log has the messages that this node knows of, and
// those at the positions. If it has not, it gets another epoch.
func (b *Broker) confirm(ctx context.Context, positions ...position) (state, error) {
	_, _, known := b.confirmed()
	args := []any{
		b.node, randomHex(8), strconv.Itoa(tags/10 + rand.IntN(tags-tags/10)), //nolint:gosec // no secret
		grace.Milliseconds(), b.config.KeepAge.Milliseconds(), b.config.KeepCount,
	}
	for _, p := range append(positions, known) {
		if p.id.isMessage() {
			args = append(args, p.epoch, p.id.String())
		}
	}
	reply, err := b.call(ctx, b.scripts.confirm, args...)
	if err != nil {
		return state{}, err
	}
	if len(reply) != 5 {
		return state{}, errReply
	}
	last, err := parseID(reply[2])
	if err != nil {
		return state{}, err
	}
	if reason := reply[4]; reason != "" && reason != "new" {
		b.config.Logger.Warn("redisbroker: the log has a new epoch, pages are notified of a gap", "reason", reason)
	}
	b.confirms(reply[0], reply[1])
	return state{run: reply[0], epoch: reply[1], last: last, tag: reply[3]}, nil
}
