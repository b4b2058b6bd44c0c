package hub

import (
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/window"
)

// granted applies a grant. The watch counts from the position at which the
// granting request began, so that the page rendered by it hears everything that
// happened since, although the grant itself came later in the log.
func (n *Hub) granted(user string, from envelope.Cursor, tags []string, at int64) {
	granted := n.history.Last()
	since := granted
	if from.Epoch == n.epoch && from.Offset < granted {
		since = from.Offset
	}
	for _, tag := range tags {
		missed := n.unheard(user, tag, since, granted)
		if n.watches.grant(user, tag, since, at) {
			n.makeUp(user, missed, since)
		}
	}
}

// unheard selects the messages to a tag between two offsets that the user is
// not at by other ways.
func (n *Hub) unheard(user, tag string, since, granted uint64) window.Selection {
	list := n.history.OfTag(tag)
	if list == nil || since+1 >= granted {
		return window.Selection{Complete: true}
	}
	missed := window.Pick(since, []*window.Offsets{list})
	missed.Offsets = slices.DeleteFunc(missed.Offsets, func(offset uint64) bool {
		return n.isFor(n.history.At(offset), user)
	})
	return missed
}

// makeUp gives the sessions of a user what a new watch counts as theirs. A page
// that came with the position from which the watch counts, or a later one, but
// is past such a message cannot have it any more in log order: it is told of a
// gap. So is one that would have more of them than one selection holds.
func (n *Hub) makeUp(user string, missed window.Selection, since uint64) {
	now := time.Now().Unix()
	for _, s := range n.roster.users[user] {
		counts := s.from > 0 && s.from >= since
		switch {
		case !counts:
			n.handMissed(s, missed.Offsets, now)
		case !missed.Complete || n.handMissed(s, missed.Offsets, now):
			n.gap(s)
		}
	}
}

// handMissed gives a session what it can still have in order, and returns whether
// there is something else.
func (n *Hub) handMissed(s *Page, offsets []uint64, now int64) (late bool) {
	for _, offset := range offsets {
		m := n.history.At(offset)
		switch {
		case !n.reaches(m, s, now):
		case offset <= s.known():
			late = true
		case !s.behind: // else it reads the message from the window
			n.round.give(s, n.round.parcel(n.epoch, nil, m))
		}
	}
	return late
}

// known returns up to where the session has, or is about to have, everything.
func (s *Page) known() uint64 {
	if len(s.due) > 0 {
		return max(s.last, s.due[len(s.due)-1].frame.Last)
	}
	return s.last
}

// gap has a live page told that it has missed something for good, after what is
// under way to it.
func (n *Hub) gap(s *Page) {
	s.from = 0 // once is enough
	n.round.gapped = append(n.round.gapped, s)
}

// ToGrant returns for which of the tags a grant from a position on has to be put
// into the log: not for those that were granted or extended a moment ago, unless
// the end of a watch is on its way there. It fails where a grant would go over
// the bounds.
func (n *Hub) ToGrant(user string, from envelope.Cursor, tags []string, now time.Time) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()

	fresh := n.watches.fresh(now)
	var grant []string
	added := make(map[string]struct{})
	for _, tag := range tags {
		w := n.watches.all[watchKey{user, tag}]
		if w != nil && w.expires >= fresh && (from.Epoch != n.epoch || w.since <= from.Offset) && n.ending[user] == 0 {
			continue
		}
		grant = append(grant, tag)
		if w != nil && now.UnixNano() < w.expires {
			continue
		}
		added[tag] = struct{}{}
		if n.isOver(n.config.MaxUsersPerTag, n.watches.byTag[tag], 1, now) {
			return nil, ErrTooManyWatches
		}
	}
	if n.isOver(n.config.MaxTagsPerUser, n.watches.byUser[user], len(added), now) {
		return nil, ErrTooManyWatches
	}
	return grant, nil
}

// isOver tells whether more watches would go over a bound. Expired ones, which are
// kept for a while, do not count; to look for them in a long list takes its time,
// so that it is not done again and again.
func (n *Hub) isOver(most int, list []*watch, more int, now time.Time) bool {
	if most <= 0 || len(list)+more <= most {
		return false
	}
	if len(list) > sweepStep {
		if now.Sub(n.counted) < time.Second {
			return true
		}
		n.counted = now
	}
	for _, w := range list {
		if now.UnixNano() < w.expires {
			more++
		}
	}
	return more > most
}

// ExpectEnd notes that so many more ends of a user's watches are on their way
// into the log, or so many fewer.
func (n *Hub) ExpectEnd(user string, more int) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.addEnding(user, more)
}

func (n *Hub) addEnding(user string, more int) {
	if n.ending[user] += more; n.ending[user] <= 0 {
		delete(n.ending, user)
	}
}

// Watching returns which of the tags the user watches.
func (n *Hub) Watching(user string, tags []string) map[string]bool {
	n.mu.Lock()
	defer n.mu.Unlock()

	now := time.Now().UnixNano()
	answer := make(map[string]bool, len(tags))
	for _, tag := range tags {
		answer[tag] = n.watches.has(user, tag, now)
	}
	return answer
}

// Fading returns which of the tags the user watches that were not extended
// within the last second.
func (n *Hub) Fading(user string, tags []string, now time.Time) []string {
	n.mu.Lock()
	defer n.mu.Unlock()

	fresh := n.watches.fresh(now)
	var fading []string
	for _, tag := range tags {
		w := n.watches.all[watchKey{user, tag}]
		if w != nil && now.UnixNano() < w.expires && w.expires < fresh {
			fading = append(fading, tag)
		}
	}
	return fading
}
