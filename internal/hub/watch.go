package hub

import (
	"cmp"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/window"
)

func (n *Hub) WatchersOf(tag string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()

	return slices.Collect(n.watches.watchers(tag, time.Now().UnixNano()))
}

// ErrTooManyWatches is returned if a grant would exceed
// Config.MaxTagsPerUser or Config.MaxUsersPerTag. Nothing was granted.
var ErrTooManyWatches = errors.New("pull: too many watches")

// A watch is one user's subscription to one tag, from a position in the log on.
type watch struct {
	user, tag string
	since     uint64 // hears what comes after this offset
	until     uint64 // … and before this one, if it has ended
	expires   int64  // unix nanoseconds; hears nothing sent from then on
	byTag     int32  // its place among the tag's watches
	byUser    int32  // its place among the user's
}

// hears tells whether a message to the tag is for the watch's user.
func (w *watch) hears(m *window.Message) bool {
	return m.Offset > w.since && (w.until == 0 || m.Offset < w.until) && m.At < w.expires
}

type watchKey struct{ user, tag string }

// watches are all watches, derived from the control messages in the log, so
// that every node has the same. It is passive: its owner guards it.
type watches struct {
	ttl  time.Duration
	keep time.Duration // how long after its end a watch may still matter for a replay

	all    map[watchKey]*watch
	byTag  map[string][]*watch
	byUser map[string][]*watch
	ended  pastWatches
	expiry window.Deque[expiry] // of each watch one, the earlier ones first
}

// An expiry is when to look whether a watch has expired. It may have been
// extended since.
type expiry struct {
	watch *watch
	at    int64 // unix nanoseconds
}

func newWatches(ttl, keep time.Duration, most int) watches {
	return watches{
		ttl: ttl, keep: keep,
		all:    make(map[watchKey]*watch),
		byTag:  make(map[string][]*watch),
		byUser: make(map[string][]*watch),
		ended:  newPastWatches(most),
	}
}

// grant starts a watch or extends it, and tells whether it now hears more of what
// has been: the later one of two grants may count from an earlier position.
func (t *watches) grant(user, tag string, since uint64, at int64) bool {
	if t.extend(user, tag, at) {
		w := t.all[watchKey{user, tag}]
		earlier := since < w.since
		w.since = min(w.since, since)
		return earlier
	}
	if old := t.all[watchKey{user, tag}]; old != nil {
		old.until = since + 1 // it has expired; what follows is the new one's
		t.retire(old)
		t.ended.add(old, at+int64(t.keep))
	}
	if same := t.byUser[user]; len(same) > 0 {
		user = same[0].user // one copy of a string serves all of its watches
	}
	if same := t.byTag[tag]; len(same) > 0 {
		tag = same[0].tag
	}
	t.start(&watch{user: user, tag: tag, since: since, expires: at + int64(t.ttl)})
	return true
}

func (t *watches) start(w *watch) {
	w.byTag, w.byUser = int32(len(t.byTag[w.tag])), int32(len(t.byUser[w.user])) //nolint:gosec // fewer than that
	t.all[watchKey{w.user, w.tag}] = w
	t.byTag[w.tag] = append(t.byTag[w.tag], w)
	t.byUser[w.user] = append(t.byUser[w.user], w)
	t.expiry.Push(expiry{w, w.expires})
}

// restore takes over a watch of the process before this one.
func (t *watches) restore(w *watch, now int64) {
	if w.until == 0 && now < w.expires {
		t.start(w)
		return
	}
	t.ended.add(w, now+int64(t.keep))
}

// everything returns the watches, ended ones too, in the order in which they expire.
func (t *watches) everything() []*watch {
	all := slices.AppendSeq(t.ended.everything(), maps.Values(t.all))
	slices.SortFunc(all, func(a, b *watch) int { return cmp.Compare(a.expires, b.expires) })
	return all
}

// fresh is from which time of expiry on a watch was extended within the last second.
func (t *watches) fresh(now time.Time) int64 {
	return now.Add(t.ttl - min(time.Second, t.ttl/2)).UnixNano()
}

// extend gives a watch its full time again, and tells whether there was one when
// that was asked for: it may have taken a while to come through the log.
func (t *watches) extend(user, tag string, at int64) bool {
	w := t.all[watchKey{user, tag}]
	if w == nil || at >= w.expires {
		return false
	}
	w.expires = max(w.expires, at+int64(t.ttl))
	return true
}

// end stops the user's watches of the tags, or all of them where there are no
// tags, at an offset of the log. The order of the log decides what they have
// heard, not the clocks of those who have sent it.
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
	t.retire(w)
	t.ended.add(w, at+int64(t.keep))
}

// retire takes a watch out of use.
func (t *watches) retire(w *watch) {
	delete(t.all, watchKey{w.user, w.tag})
	removeWatch(t.byTag, w.tag, w.byTag, func(moved *watch) { moved.byTag = w.byTag })
	removeWatch(t.byUser, w.user, w.byUser, func(moved *watch) { moved.byUser = w.byUser })
}

func removeWatch(lists map[string][]*watch, key string, at int32, move func(moved *watch)) {
	if lists[key] = removeAt(lists[key], int(at), move); len(lists[key]) == 0 {
		delete(lists, key)
	}
}

// sweep lets go of some watches that have expired or ended so long ago that no
// replay can need them, and tells whether there may be more. It takes its time:
// an extension may still be on its way through the log, and an expired watch
// hears nothing as it is.
func (t *watches) sweep(now int64, most int) bool {
	for range most {
		if t.expiry.Len() == 0 || t.expiry.At(0).at > now-int64(t.keep) {
			return t.ended.sweep(now, most)
		}
		e := t.expiry.Pop()
		switch {
		case t.all[watchKey{e.watch.user, e.watch.tag}] != e.watch: // ended before
		case e.watch.expires > now-int64(t.keep):
			t.expiry.Push(expiry{e.watch, e.watch.expires})
		default:
			t.retire(e.watch)
		}
	}
	return true
}

// rebase moves the watches to another log, whose next message follows the
// offset. What has ended belongs to the old one.
func (t *watches) rebase(offset uint64) {
	for _, w := range t.all {
		w.since = offset
	}
	t.ended = newPastWatches(t.ended.most)
}

// watchers yields the users who hear a message to the tag now.
func (t *watches) watchers(tag string, now int64) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, w := range t.byTag[tag] {
			if now < w.expires && !yield(w.user) {
				return
			}
		}
	}
}

// tagsOf yields the tags, each once, by which a window may hold messages for a
// user: those of ended watches, too.
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

// countOf returns how many tags tagsOf yields at most.
func (t *watches) countOf(user string) int { return len(t.byUser[user]) + t.ended.countOf(user) }

// hears tells whether the user had a watch of the tag that heard the message.
func (t *watches) hears(user, tag string, m *window.Message) bool {
	if w := t.all[watchKey{user, tag}]; w != nil && w.hears(m) {
		return true
	}
	return t.ended.hears(user, tag, m)
}

// hasLost tells whether the user had watches that are forgotten although they
// may have heard something after the offset.
func (t *watches) hasLost(user string, offset uint64) bool { return offset < t.ended.lostUpTo(user) }

// has tells whether the user watches the tag now.
func (t *watches) has(user, tag string, now int64) bool {
	w := t.all[watchKey{user, tag}]
	return w != nil && now < w.expires
}
