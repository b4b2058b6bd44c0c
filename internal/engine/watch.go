package engine

import (
	"errors"
	"slices"

	"github.com/echo-pull/pull/internal/envelope"
)

// Watches grants and ends users' watches of tags. See [Plugin.Watch].
type Watches struct{ engine *Engine }

// Watch returns the watches. A watch belongs to a user, on all pages and
// devices. Only server code grants a watch; a page can only extend it. It ends
// Config.WatchTTL after its last extension. Tags are free text of 1 to 255
// bytes, in UTF-8 and without control characters. All methods are safe for
// concurrent use and affect every node of the application.
func (e *Engine) Watch() Watches { return Watches{e} }

// Add makes the user watch the tags from now on, or extends the watches, and
// returns when this node has applied them. It returns [ErrTooManyWatches] if
// that would exceed the bounds of Config, and [ErrQueueFull] if the broker has
// fallen too far behind.
func (w Watches) Add(user string, tags ...string) error {
	last, err := w.engine.grant(user, "", tags)
	if err != nil {
		return err
	}
	return w.engine.waitApplied(last)
}

// Extend gives the user's watches of the tags their full time again. The result
// has true for each tag that the user watches. Extend never creates a watch. It
// returns false for invalid ids and tags. If the broker has fallen so far
// behind that nothing could be extended, Extend reports that to Config.OnError.
func (w Watches) Extend(user string, tags ...string) map[string]bool {
	watched, err := w.engine.Extend(user, tags)
	if err != nil {
		w.engine.config.OnError(err)
	}
	return watched
}

// Delete ends the user's watches of the tags, or all watches of the user if no
// tag is given. It returns when this node has applied that. It returns
// [ErrQueueFull] if the broker has fallen too far behind.
func (w Watches) Delete(user string, tags ...string) error {
	if err := errors.Join(envelope.CheckIDs("user id", []string{user}), envelope.CheckIDs("tag", tags)); err != nil {
		return err
	}
	parts := max(1, countParts(tags))
	w.engine.hub.ExpectEnds(user, parts)
	last, err := w.engine.publishInParts(envelope.KindUnwatch, []string{user}, tags)
	if err != nil {
		w.engine.hub.ExpectEnds(user, -parts)
		return err
	}
	return w.engine.waitApplied(last)
}

// Pages returns how many connected pages watch the tag themselves, by a grant, on
// all nodes and with those of guests. Watches of users do not count. Other nodes
// learn of a change within about two seconds. A node that has just started learns of
// up to 2,000 watches of each other node in a second.
func (w Watches) Pages(tag string) int { return w.engine.hub.PagesAt(tag) }

// Users returns the users who watch the tag, sorted.
func (w Watches) Users(tag string) []string {
	users := w.engine.hub.WatchersOf(tag)
	slices.Sort(users)
	return users
}
