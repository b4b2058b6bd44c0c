package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

const tagsPerGrant = 1000 // in one message of the log

// grant puts a grant into the log, after the position from. It returns the name
// of the last message that it took.
func (e *Engine) grant(user, from string, tags []string) (last uint64, err error) {
	if user == "" {
		return 0, ErrGuest
	}
	if err := errors.Join(envelope.CheckIDs("user id", []string{user}), envelope.CheckIDs("tag", tags)); err != nil {
		return 0, err
	}
	tags, err = e.hub.ToGrant(user, envelope.ParseCursor(from), tags, time.Now())
	if err != nil || len(tags) == 0 {
		return 0, err
	}
	return e.sayInParts(envelope.KindWatch, []string{user, from}, tags)
}

// partsOf returns how many messages of the log name the tags.
func partsOf(tags []string) int { return (len(tags) + tagsPerGrant - 1) / tagsPerGrant }

// sayInParts puts a control message about tags into the log, or some where there
// are many tags. Only what was named first may be missing then if the queue is
// full.
func (e *Engine) sayInParts(k envelope.Kind, first, tags []string) (last uint64, err error) {
	for {
		some := tags[:min(len(tags), tagsPerGrant)]
		tags = tags[len(some):]
		last, err = e.publisher.Command(envelope.Control(k, time.Now(), slices.Concat(first, some)...))
		if err != nil || len(tags) == 0 {
			return last, err
		}
	}
}

// Extend answers which of the tags the user watches, and has those go on. What
// was extended a moment ago is not put into the log again.
func (e *Engine) Extend(user string, tags []string) (map[string]bool, error) {
	answer := e.hub.Watching(user, tags)
	if fading := e.hub.Fading(user, tags, time.Now()); len(fading) > 0 {
		_, err := e.sayInParts(envelope.KindExtend, []string{user}, fading)
		return answer, err
	}
	return answer, nil
}

// awaitWait bounds how long a call waits for the log when the broker is out of reach.
const awaitWait = 5 * time.Second

// awaitOwn waits until the node has applied a message of its own.
func (e *Engine) awaitOwn(name uint64) error {
	ctx, cancel := context.WithTimeout(context.Background(), awaitWait)
	defer cancel()
	if !e.hub.AwaitApplied(ctx, name) {
		return fmt.Errorf("pull: the change did not come back from the log within %s, it may still take effect", awaitWait)
	}
	return nil
}

// embeddedWait bounds how long a request waits for the embedded log, which
// answers at once unless a large broadcast is just being handed over.
const embeddedWait = 50 * time.Millisecond

// awaitEmbedded waits for the embedded log. Another one is not waited for.
func (e *Engine) awaitEmbedded(name uint64) {
	if e.memory == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), embeddedWait)
	defer cancel()
	e.hub.AwaitApplied(ctx, name)
}
