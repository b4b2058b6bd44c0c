package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

const tagsPerMessage = 1000 // largest number of tags in one message of the log

// grant publishes a grant of watches that count from the position. It returns
// the sequence number of the last message, or 0 if none was needed.
func (e *Engine) grant(user, from string, tags []string) (last uint64, err error) {
	if user == "" {
		return 0, ErrGuest
	}
	if err := errors.Join(envelope.CheckIDs("user id", []string{user}), envelope.CheckIDs("tag", tags)); err != nil {
		return 0, err
	}
	tags, err = e.hub.TagsToGrant(user, envelope.ParseCursor(from), tags, time.Now())
	if err != nil || len(tags) == 0 {
		return 0, err
	}
	return e.publishInParts(envelope.KindWatch, []string{user, from}, tags)
}

// countParts returns how many messages publishInParts publishes for the tags;
// for no tags it returns 0.
func countParts(tags []string) int { return (len(tags) + tagsPerMessage - 1) / tagsPerMessage }

// publishInParts publishes a control message about tags, or several if there are
// many tags. If the queue becomes full in between, the later tags are missing.
func (e *Engine) publishInParts(k envelope.Kind, first, tags []string) (last uint64, err error) {
	for {
		some := tags[:min(len(tags), tagsPerMessage)]
		tags = tags[len(some):]
		last, err = e.publisher.Command(envelope.Control(k, time.Now(), slices.Concat(first, some)...))
		if err != nil || len(tags) == 0 {
			return last, err
		}
	}
}

// Extend reports for each of the tags whether the user watches it, and extends
// those watches. It does not publish an extension for a watch that was granted
// or extended within the last second.
func (e *Engine) Extend(user string, tags []string) (map[string]bool, error) {
	watched := e.hub.AreWatched(user, tags)
	if extend := e.hub.TagsToExtend(user, tags, time.Now()); len(extend) > 0 {
		_, err := e.publishInParts(envelope.KindExtend, []string{user}, extend)
		return watched, err
	}
	return watched, nil
}

// appliedWait bounds how long a call waits for an unreachable broker.
const appliedWait = 5 * time.Second

// waitApplied waits until this node has applied its message with the sequence
// number.
func (e *Engine) waitApplied(seq uint64) error {
	ctx, cancel := context.WithTimeout(context.Background(), appliedWait)
	defer cancel()
	if !e.hub.AwaitApplied(ctx, seq) {
		return fmt.Errorf("pull: the change did not come back from the log within %s, it may still take effect", appliedWait)
	}
	return nil
}

// embeddedWait bounds how long a request waits for the embedded log. The log
// returns a message at once unless a large broadcast is being delivered.
const embeddedWait = 50 * time.Millisecond

// waitEmbedded is waitApplied for the embedded log. It does not wait for another
// broker.
func (e *Engine) waitEmbedded(seq uint64) {
	if e.memory == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), embeddedWait)
	defer cancel()
	e.hub.AwaitApplied(ctx, seq)
}
