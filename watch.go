package pull

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"time"
)

// Watches grants and ends users' subscriptions to tags: see [Plugin.Watch].
type Watches struct{ plugin *Plugin }

// Watch returns the watches. A watch belongs to a user, with all pages and
// devices; only server code grants one, a page can only extend it. It ends
// Config.WatchTTL after its last extension. Tags are free text of 1 to 255
// bytes, in UTF-8 and without control characters. All methods are safe for concurrent use, and what they do holds on
// every node of the application.
func (p *Plugin) Watch() Watches { return Watches{p} }

// Add has the user watch the tags from now on, or extends the watch, and
// returns when this node knows of it. Over the bounds of Config it returns
// [ErrTooManyWatches].
func (w Watches) Add(user string, tags ...string) error {
	if err := w.plugin.grant(user, "", tags); err != nil {
		return err
	}
	return w.plugin.awaitOwn(func() bool { return w.plugin.node.watchesAll(user, tags) })
}

// Extend gives the user's watches of the tags their full time again. The answer
// has true for each tag that the user watches; a watch is never created. What
// cannot be a user's id or a tag is watched by nobody.
func (w Watches) Extend(user string, tags ...string) map[string]bool {
	return w.plugin.extend(user, tags)
}

// Delete ends the user's watches of the tags, or all of the user's watches
// where no tag is named, and returns when this node knows of it.
func (w Watches) Delete(user string, tags ...string) error {
	if err := errors.Join(checkIDs("user id", []string{user}), checkIDs("tag", tags)); err != nil {
		return err
	}
	if w.plugin.publisher.closed.Load() {
		return ErrClosed
	}
	w.plugin.publisher.say(control(kindUnwatch, time.Now(), append([]string{user}, tags...)...))
	return w.plugin.awaitOwn(func() bool { return w.plugin.node.watchesNone(user, tags) })
}

// Users returns the users who watch the tag, sorted.
func (w Watches) Users(tag string) []string {
	n := w.plugin.node
	n.mu.Lock()
	defer n.mu.Unlock()

	return slices.Sorted(n.watches.watchers(tag, time.Now().UnixNano()))
}

// A watch is one user's subscription to one tag, from a position in the log on.
type watch struct {
	user, tag string
	since     uint64 // hears what comes after this offset
	until     uint64 // … and before this one, if it has ended
	expires   int64  // unix nanoseconds; hears nothing sent from then on
	forget    int64  // when no replay can need it any more, once it has ended
	byTag     int    // its place among the tag's watches
	byUser    int    // its place among the user's
}

// hears tells whether a message to the tag is for the watch's user.
func (w *watch) hears(m *message) bool {
	return m.offset > w.since && (w.until == 0 || m.offset < w.until) && m.at < w.expires
}

type watchKey struct{ user, tag string }

// watches are all watches, derived from the control messages in the log, so
// that every node has the same. It is passive: its owner guards it.
type watches struct {
	ttl  time.Duration
	keep time.Duration // how long ended watches may still matter for a replay

	all    map[watchKey]*watch
	byTag  map[string][]*watch
	byUser map[string][]*watch
	ended  map[string][]*watch // by user
}

func newWatches(ttl, keep time.Duration) watches {
	return watches{
		ttl: ttl, keep: keep,
		all:    make(map[watchKey]*watch),
		byTag:  make(map[string][]*watch),
		byUser: make(map[string][]*watch),
		ended:  make(map[string][]*watch),
	}
}

// grant starts a watch or extends it, and tells whether it has started.
func (t *watches) grant(user, tag string, since uint64, at int64) bool {
	if t.extend(user, tag, at) {
		return false
	}
	if old := t.all[watchKey{user, tag}]; old != nil {
		t.retire(old, at)
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
	w.byTag, w.byUser = len(t.byTag[w.tag]), len(t.byUser[w.user])
	t.all[watchKey{w.user, w.tag}] = w
	t.byTag[w.tag] = append(t.byTag[w.tag], w)
	t.byUser[w.user] = append(t.byUser[w.user], w)
}

// restore takes over a watch of the process before this one.
func (t *watches) restore(w *watch, now int64) {
	if w.until == 0 && now < w.expires {
		t.start(w)
		return
	}
	w.forget = now + int64(t.keep)
	t.ended[w.user] = append(t.ended[w.user], w)
}

// everything returns the watches, ended ones too.
func (t *watches) everything() []*watch {
	all := slices.Collect(maps.Values(t.all))
	for _, list := range t.ended {
		all = append(all, list...)
	}
	return all
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
// tags, at an offset of the log.
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

// endOne ends a watch at an offset. The order of the log decides what it has
// heard, not the clocks of those who have sent it.
func (t *watches) endOne(w *watch, offset uint64, at int64) {
	w.until = offset
	t.retire(w, at)
}

// retire takes a watch out of use. It is kept for as long as the window may
// hold messages that it heard: a page that comes back has a right to them.
func (t *watches) retire(w *watch, at int64) {
	w.forget = at + int64(t.keep)
	delete(t.all, watchKey{w.user, w.tag})
	removeWatch(t.byTag, w.tag, w.byTag, func(moved *watch, slot int) { moved.byTag = slot })
	removeWatch(t.byUser, w.user, w.byUser, func(moved *watch, slot int) { moved.byUser = slot })
	t.ended[w.user] = append(t.ended[w.user], w)
}

// removeWatch takes the watch at the slot out of a list; the last one moves there.
func removeWatch(lists map[string][]*watch, key string, slot int, move func(*watch, int)) {
	list := lists[key]
	last := len(list) - 1
	move(list[last], slot)
	list[slot], list[last] = list[last], nil
	if last == 0 {
		delete(lists, key)
		return
	}
	lists[key] = list[:last]
}

// sweep retires what has expired and forgets what no replay can need. It takes
// its time: an extension may still be on its way through the log, and an expired
// watch hears nothing as it is.
func (t *watches) sweep(now int64) {
	for _, w := range t.all {
		if now >= w.expires+int64(t.keep) {
			t.retire(w, now)
		}
	}
	for user, list := range t.ended {
		kept := list[:0]
		for _, w := range list {
			if now < w.forget {
				kept = append(kept, w)
			}
		}
		clear(list[len(kept):])
		if t.ended[user] = kept; len(kept) == 0 {
			delete(t.ended, user)
		}
	}
}

// rebase moves the watches to another log, whose next message follows the
// offset. What has ended belongs to the old one.
func (t *watches) rebase(offset uint64) {
	for _, w := range t.all {
		w.since = offset
	}
	clear(t.ended)
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

// of yields the watches of a user by which a window may hold messages, ended
// ones too.
func (t *watches) of(user string) iter.Seq[*watch] {
	return func(yield func(*watch) bool) {
		for _, list := range [][]*watch{t.byUser[user], t.ended[user]} {
			for _, w := range list {
				if !yield(w) {
					return
				}
			}
		}
	}
}

// hears tells whether the user had a watch of the tag that heard the message.
func (t *watches) hears(user, tag string, m *message) bool {
	if w := t.all[watchKey{user, tag}]; w != nil && w.hears(m) {
		return true
	}
	for _, w := range t.ended[user] {
		if w.tag == tag && w.hears(m) {
			return true
		}
	}
	return false
}

// has tells whether the user watches the tag now.
func (t *watches) has(user, tag string, now int64) bool {
	w := t.all[watchKey{user, tag}]
	return w != nil && now < w.expires
}
