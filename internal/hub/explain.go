package hub

import (
	"slices"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/explain"
	"github.com/echo-pull/pull/internal/window"
)

// Facts returns what this node knows of whether a user, "" for guests, got the event at a
// position. The zero epoch stands for the one of the log. It holds the lock twice for a
// short time, and prepares and evaluates without it what may be large: an event may name
// thousands of users and tags.
func (h *Hub) Facts(user string, at envelope.Cursor) *explain.Facts {
	q := h.questionAbout(user, at)
	known := h.learn(q)
	f := &known.facts
	if f.Event = q.event; f.Event == nil {
		return f
	}
	f.Terms, f.Owner = known.matches(q), q.owner()
	for i := range known.sessions {
		known.sessions[i].concern(q, known)
		f.Sessions[i] = known.sessions[i].Session
	}
	return f
}

// messageAt returns a copy of the event at a position, and the epoch; ok is false if the
// window has none.
func (h *Hub) messageAt(at envelope.Cursor) (m window.Message, epoch string, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if at.Epoch != "" && at.Epoch != h.epoch {
		return m, h.epoch, false
	}
	found := h.history.Find(at.Offset)
	if found == nil {
		return m, h.epoch, false
	}
	return *found, h.epoch, true
}

// A known is what the node knows about a question.
type known struct {
	facts    explain.Facts
	watches  map[string][]watch // of the user, by those tags of the event that are of interest
	sessions []seen
	later    []window.Message // the next ones of the event's series …
	more     bool             // … which has more
}

// mostLater bounds the later events of a series that are looked at.
const mostLater = 32

// learn collects, under the lock, what the node knows about a question.
func (h *Hub) learn(q *question) *known {
	h.mu.Lock()
	defer h.mu.Unlock()

	k := &known{facts: explain.Facts{
		User: q.user, At: q.at, Now: time.Now(), Node: h.ID,
		Epoch: h.epoch, First: h.history.First(), Last: h.history.Last(), Settled: h.settled,
		Online: q.user != "" && h.presence.isOnline(q.user), Nodes: h.otherNodesOf(q.user), Others: h.countOthers(),
		KnownSince: h.past.since,
	}}
	if q.event != nil && q.at.Epoch != h.epoch {
		q.event = nil // the log has broken a moment ago
	}
	k.sessions, k.facts.More = h.sessionsOf(q.user, q)
	for i := range k.sessions {
		k.facts.Sessions = append(k.facts.Sessions, k.sessions[i].Session)
	}
	if q.event == nil {
		return k
	}
	k.facts.Lost = q.user != "" && h.mayLackWatch(q.user, q.at.Offset)
	k.facts.Late = h.watches.ended.grantedAfter(q.user, q.at.Offset)
	k.watches = h.watches.among(q.user, q.tags)
	if !q.event.Keep {
		return k
	}
	for next := h.history.NextInSeries(q.at.Offset); next != 0; next = h.history.NextInSeries(next) {
		if k.more = len(k.later) == mostLater; k.more {
			break
		}
		k.later = append(k.later, *h.history.At(next))
	}
	return k
}

// mayLackWatch reports whether the user may have had a watch that covers a message and
// that this node does not know.
func (h *Hub) mayLackWatch(user string, offset uint64) bool {
	forgotten := !h.forgotUntil.IsZero() && time.Now().Before(h.forgotUntil)
	return forgotten || h.watches.hasLost(user, offset-1)
}

// grantedAfter returns where the latest of the user's late grants came into the log that
// may have made a message the user's; 0 if there is none.
func (t *pastWatches) grantedAfter(user string, offset uint64) (granted uint64) {
	p := t.users[user]
	if p == nil {
		return 0
	}
	for _, l := range p.late {
		if l.first <= offset && offset < l.granted {
			granted = max(granted, l.granted)
		}
	}
	return granted
}

// among returns copies of the user's watches of the tags, by tag: those that have ended,
// and then the one that has not. Its cost depends on the smaller of the number of tags and
// the number of the user's.
func (t *watches) among(user string, tags map[string]struct{}) map[string][]watch {
	found := make(map[string][]watch)
	add := func(tag string) {
		if all := t.ofTag(user, tag); all != nil {
			found[tag] = all
		}
	}
	if t.maxTagsOf(user) > len(tags) {
		for tag := range tags {
			add(tag)
		}
		return found
	}
	for tag := range t.tagsOf(user) {
		if _, among := tags[tag]; among {
			add(tag)
		}
	}
	return found
}

// ofTag returns copies of the user's watches of a tag.
func (t *watches) ofTag(user, tag string) (all []watch) {
	if p := t.ended.users[user]; p != nil {
		for _, w := range p.byTag[tag] {
			all = append(all, *w)
		}
	}
	if w := t.all[watchKey{user, tag}]; w != nil {
		all = append(all, *w)
	}
	return all
}

func (w *watch) shown() explain.Watch {
	return explain.Watch{Tag: w.tag, Since: w.since, Until: w.until, Expires: time.Unix(0, w.expires)}
}

// WatchesOf returns the watches that a user has now, sorted by tag.
func (h *Hub) WatchesOf(user string, now time.Time) []explain.Watch {
	all := h.watchesOf(user, now)
	slices.SortFunc(all, func(a, b explain.Watch) int { return strings.Compare(a.Tag, b.Tag) })
	return all
}

func (h *Hub) watchesOf(user string, now time.Time) (all []explain.Watch) {
	h.mu.Lock()
	defer h.mu.Unlock()

	for _, w := range h.watches.byUser[user] {
		if now.UnixNano() < w.expires {
			all = append(all, w.shown())
		}
	}
	return all
}
