package hub

import (
	"strings"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/explain"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/window"
)

// A question is why a user, "" for guests, did or did not get an event. It is prepared and
// evaluated without the lock.
type question struct {
	user     string
	at       envelope.Cursor
	event    *explain.Event      // nil if the window does not have it
	message  window.Message      // the same
	terms    []explain.Match     // of its target, without the tags
	tags     map[string]struct{} // of the terms
	own      map[string]struct{} // of the terms of which the user is not excepted
	fragment bool
}

// questionAbout returns a question about the event at a position.
func (h *Hub) questionAbout(user string, at envelope.Cursor) *question {
	m, epoch, ok := h.messageAt(at)
	q := &question{user: user, at: at, message: m}
	if !ok {
		return q
	}
	q.at.Epoch = epoch
	q.event, q.fragment = explain.EventOf(&q.message, sentAt(&q.message)), protocol.IsFragment(m.Body())
	q.tags, q.own = make(map[string]struct{}), make(map[string]struct{})
	for t := range q.address().Terms() {
		match := explain.Match{Shared: t.Shared, Named: user != "" && t.Users.Has(user), Excepted: t.Except.Has(user)}
		for tag := range t.Tags.All() {
			q.tags[string(tag)] = struct{}{}
			if !match.Excepted {
				q.own[string(tag)] = struct{}{}
			}
		}
		q.terms = append(q.terms, match)
	}
	return q
}

func (q *question) address() envelope.Address { return q.message.Addr() }

// owner returns the client id of the user's page that has sent the event; "" if that is
// none.
func (q *question) owner() string {
	if client, user, named := strings.Cut(string(q.address().Sender()), "/"); named && user == q.user {
		return client
	}
	return ""
}

// matches returns how the terms of the event's target match the user.
func (k *known) matches(q *question) []explain.Match {
	i, left := 0, explain.MostNames
	for t := range q.address().Terms() {
		for tag := range t.Tags.All() {
			k.matchTag(q, &q.terms[i], string(tag), left > 0)
			left--
		}
		i++
	}
	return q.terms
}

// matchTag adds a tag of the target to how a term matches the user.
func (k *known) matchTag(q *question, match *explain.Match, tag string, show bool) { //nolint:revive // show is no mode: only so many are shown
	one := explain.TagMatch{Tag: tag, Covered: k.covers(tag, &q.message)}
	if !show {
		match.MoreTags++
		if one.Covered {
			match.MoreCovered = tag
		}
		return
	}
	for _, w := range k.watches[tag] {
		one.Watches = append(one.Watches, w.shown())
	}
	match.Tags = append(match.Tags, one)
}

// covers reports whether a watch of the user covers a message to the tag.
func (k *known) covers(tag string, m *window.Message) bool {
	for _, w := range k.watches[tag] {
		if w.covers(m) {
			return true
		}
	}
	return false
}

// isForUser reports whether a message with the event's target is for the user.
func (k *known) isForUser(q *question, m *window.Message) bool {
	for i := range q.terms {
		if t := &q.terms[i]; !t.Excepted && (t.Shared || t.Named) {
			return true
		}
	}
	for tag := range k.watches {
		if _, own := q.own[tag]; own && k.covers(tag, m) {
			return true
		}
	}
	return false
}

// A seen is a session as the node has seen it.
type seen struct {
	explain.Session

	gone    bool // nothing is known any more of the page's own watches
	form    conn.Form
	watches []pageWatch // the page's own, of tags of the event
	ended   uint64      // watches of the page that have ended may have covered messages up to this offset
}

// concern sets what the session has to do with the event.
func (s *seen) concern(q *question, k *known) {
	o, sender := q.at.Offset, q.address().Sender()
	s.Sender = envelope.IsSender(sender, s.Client, s.User)
	s.Tab = string(envelope.SenderTab(sender, s.Client, s.User))
	if !s.Ended.IsZero() || s.gone {
		s.Unsure = s.Granted && len(q.own) > 0
		return
	}
	s.NoPlace = s.form == conn.Datastar && !q.fragment
	s.Unsure = len(q.own) > 0 && o <= s.ended
	for i := range s.watches {
		switch w := &s.watches[i]; {
		case w.since >= o:
			s.WatchFrom = w.since
		case w.began < o:
			s.Covered = true
		default:
			s.TooLate = true
		}
	}
	s.ReplacedBy = k.replacementFor(s, q)
	s.MaybeReplaced = s.ReplacedBy == 0 && k.more
}

// replacementFor returns the offset of a later message of the event's series that is for
// the page of a session, and for all its tabs, or 0.
func (k *known) replacementFor(s *seen, q *question) uint64 {
	for i := range k.later {
		m := &k.later[i]
		sender := envelope.Address(m.Addr()).Sender()
		if envelope.IsSender(sender, s.Client, s.User) || envelope.SenderTab(sender, s.Client, s.User) != nil {
			continue
		}
		if k.isForUser(q, m) || s.isForWatches(m) {
			return m.Offset
		}
	}
	return 0
}

// isForWatches reports whether the page's own watches cover a message with the event's
// target.
func (s *seen) isForWatches(m *window.Message) bool {
	for i := range s.watches {
		if s.watches[i].since < m.Offset {
			return true
		}
	}
	return false
}
