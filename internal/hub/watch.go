package hub

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/window"
)

// A watch is one user's subscription to one tag, from a position in the log on.
type watch struct {
	user, tag string
	since     uint64 // covers messages after this offset
	until     uint64 // and before this one, if the watch has ended; else 0
	expires   int64  // unix nanoseconds; covers no message sent from then on
	byTag     int32  // index among the tag's watches
	byUser    int32  // index among the user's watches
}

// covers reports whether a message to the tag is for the watch's user.
func (w *watch) covers(m *window.Message) bool {
	return m.Offset > w.since && (w.until == 0 || m.Offset < w.until) && sentAt(m) < w.expires
}

type watchKey struct{ user, tag string }

// watches holds all watches. They are derived from the control messages in the
// log, so that every node has the same. It is passive: its owner guards it.
type watches struct {
	ttl  time.Duration
	keep time.Duration // how long after its end a watch may still matter for a replay

	all    map[watchKey]*watch
	byTag  map[string][]*watch
	byUser map[string][]*watch
	ended  pastWatches
	expiry window.Deque[expiry] // one of each watch, the earlier ones first
}

// An expiry is when to check whether a watch has expired. The watch may have
// been extended since.
type expiry struct {
	watch *watch
	at    int64 // unix nanoseconds
}

// newWatches returns an empty set. most bounds the ended watches of one user.
func newWatches(ttl, keep time.Duration, most int) watches {
	return watches{
		ttl: ttl, keep: keep,
		all:    make(map[watchKey]*watch),
		byTag:  make(map[string][]*watch),
		byUser: make(map[string][]*watch),
		ended:  newPastWatches(most),
	}
}

// grant starts a watch or extends it, and reports whether it now covers more
// earlier messages: the later one of two grants may count from an earlier
// position.
func (t *watches) grant(user, tag string, since uint64, at int64) bool {
	if t.extend(user, tag, at) {
		w := t.all[watchKey{user, tag}]
		earlier := since < w.since
		w.since = min(w.since, since)
		return earlier
	}
	if old := t.all[watchKey{user, tag}]; old != nil {
		old.until = since + 1 // it has expired; the new watch covers what follows
		t.remove(old)
		t.ended.add(old, at+int64(t.keep))
	}
	if same := t.byUser[user]; len(same) > 0 {
		user = same[0].user // all watches of a user share one copy of the string
	}
	if same := t.byTag[tag]; len(same) > 0 {
		tag = same[0].tag
	}
	t.add(&watch{user: user, tag: tag, since: since, expires: at + int64(t.ttl)})
	return true
}

func (t *watches) add(w *watch) {
	w.byTag, w.byUser = int32(len(t.byTag[w.tag])), int32(len(t.byUser[w.user])) //nolint:gosec // fewer than that
	t.all[watchKey{w.user, w.tag}] = w
	t.byTag[w.tag] = append(t.byTag[w.tag], w)
	t.byUser[w.user] = append(t.byUser[w.user], w)
	t.expiry.Push(expiry{w, w.expires})
}

// addSaved adds a watch that an earlier process has saved.
func (t *watches) addSaved(w *watch, now int64) {
	if w.until == 0 && now < w.expires {
		t.add(w)
		return
	}
	t.ended.add(w, now+int64(t.keep))
}

// everything returns all watches, including ended ones, in the order in which
// they expire.
func (t *watches) everything() []*watch {
	all := slices.AppendSeq(t.ended.everything(), maps.Values(t.all))
	slices.SortFunc(all, func(a, b *watch) int { return cmp.Compare(a.expires, b.expires) })
	return all
}

// freshExpiry returns the earliest expiry of a watch that was granted or
// extended within the last second.
func (t *watches) freshExpiry(now time.Time) int64 {
	return now.Add(t.ttl - min(time.Second, t.ttl/2)).UnixNano()
}

// extend gives a watch its full time again, and reports whether there was one
// when the extension was sent. The extension may have taken a while to come
// through the log.
func (t *watches) extend(user, tag string, at int64) bool {
	w := t.all[watchKey{user, tag}]
	if w == nil || at >= w.expires {
		return false
	}
	w.expires = max(w.expires, at+int64(t.ttl))
	return true
}

// end ends the user's watches of the tags, or all of them if there are no tags,
// at an offset of the log. The order of the log determines what they have
// covered, not the clocks of the senders; at is a time up to which all messages
// before it were sent.
func (t *watches) end(user string, tags []string, offset uint64, at int64) {
	if len(tags) == 0 {
		for len(t.byUser[user]) > 0 {
			t.endOne(t.byUser[user][0], offset, at)
		}
		return
	}
	for _, tag := range tags {
		if w := t.all[watchKey{user, tag}]; w != nil {
			t.endOne(w, offset, at)
		}
	}
}

func (t *watches) endOne(w *watch, offset uint64, at int64) {
	w.until = offset
	t.remove(w)
	t.ended.add(w, at+int64(t.keep))
}

// remove removes a watch from the indexes. Its expiry stays queued.
func (t *watches) remove(w *watch) {
	delete(t.all, watchKey{w.user, w.tag})
	removeWatch(t.byTag, w.tag, w.byTag, func(moved *watch) { moved.byTag = w.byTag })
	removeWatch(t.byUser, w.user, w.byUser, func(moved *watch) { moved.byUser = w.byUser })
}

func removeWatch(lists map[string][]*watch, key string, at int32, move func(moved *watch)) {
	if lists[key] = removeAt(lists[key], int(at), move); len(lists[key]) == 0 {
		delete(lists, key)
	}
}

// dropOld drops up to most watches that have expired or ended so long ago that
// no replay can need them, and reports whether there may be more. An expired
// watch is kept that long because an extension may still be on its way through
// the log, and because it covers nothing new anyway.
func (t *watches) dropOld(now int64, most int) bool {
	for range most {
		if t.expiry.Len() == 0 || t.expiry.At(0).at > now-int64(t.keep) {
			return t.ended.dropOld(now, most)
		}
		e := t.expiry.Pop()
		switch {
		case t.all[watchKey{e.watch.user, e.watch.tag}] != e.watch: // ended before
		case e.watch.expires > now-int64(t.keep):
			t.expiry.Push(expiry{e.watch, e.watch.expires})
		default:
			t.remove(e.watch)
		}
	}
	return true
}

// rebase moves the watches to another log, whose next message follows the
// offset. Ended watches are dropped: they belong to the old log.
func (t *watches) rebase(offset uint64) {
	for _, w := range t.all {
		w.since = offset
	}
	t.ended = newPastWatches(t.ended.most)
}

// watchers yields the users who receive a message that is sent to the tag now.
func (t *watches) watchers(tag string, now int64) iter.Seq[string] {
	return func(yield func(string) bool) {
		for w := range t.covering(tag, now) {
			if !yield(w.user) {
				return
			}
		}
	}
}

// covering yields the watches that cover a message that is sent to the tag now.
func (t *watches) covering(tag string, now int64) iter.Seq[*watch] {
	return func(yield func(*watch) bool) {
		for _, w := range t.byTag[tag] {
			if now < w.expires && !yield(w) {
				return
			}
		}
	}
}

// tagsOf yields the tags, each once, by which a window may hold messages for a
// user. Those include the tags of ended watches.
func (t *watches) tagsOf(user string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, w := range t.byUser[user] {
			if !yield(w.tag) {
				return
			}
		}
		for tag := range t.ended.tagsOf(user) {
			if t.all[watchKey{user, tag}] == nil && !yield(tag) {
				return
			}
		}
	}
}

// maxTagsOf returns the largest number of tags that tagsOf can yield.
func (t *watches) maxTagsOf(user string) int { return len(t.byUser[user]) + t.ended.countTags(user) }

// covers reports whether the user had a watch of the tag that covers the
// message.
func (t *watches) covers(user, tag string, m *window.Message) bool {
	if w := t.all[watchKey{user, tag}]; w != nil && w.covers(m) {
		return true
	}
	return t.ended.covers(user, tag, m)
}

// hasLost reports whether the user had watches that were dropped although they
// may have covered a message after the offset.
func (t *watches) hasLost(user string, offset uint64) bool { return offset < t.ended.lostUpTo(user) }

// has reports whether the user watches the tag now.
func (t *watches) has(user, tag string, now int64) bool {
	w := t.all[watchKey{user, tag}]
	return w != nil && now < w.expires
}
