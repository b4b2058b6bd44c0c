package hub

import (
	"slices"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/explain"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/window"
)

// mostSessions bounds the sessions of one answer.
const mostSessions = 256

// Facts returns what this node knows of whether a user, "" for guests, got the event at a
// position. The zero epoch stands for the one of the log.
func (h *Hub) Facts(user string, at envelope.Cursor, now time.Time) *explain.Facts {
	h.mu.Lock()
	defer h.mu.Unlock()

	f := &explain.Facts{
		User: user, At: at, Now: now, Node: h.ID,
		Epoch: h.epoch, First: h.history.First(), Last: h.history.Last(), Settled: h.settled,
		Online: user != "" && h.presence.isOnline(user), Nodes: h.otherNodesOf(user),
	}
	f.Sessions, f.More = h.sessionsOf(user, nil)
	m := h.eventAt(at)
	if m == nil {
		return f
	}
	f.Event = explain.EventOf(m, sentAt(m))
	f.Terms = h.matches(m, user)
	f.Lost = user != "" && h.mayLackWatch(user, m.Offset)
	f.Late = h.watches.ended.grantedAfter(user, m.Offset)
	if client, of, named := strings.Cut(string(envelope.Address(m.Addr()).Sender()), "/"); named && of == user {
		f.Owner = client
	}
	f.Sessions, f.More = h.sessionsOf(user, m)
	return f
}

// eventAt returns the event at a position, or nil if the window has none.
func (h *Hub) eventAt(at envelope.Cursor) *window.Message {
	if at.Epoch != "" && at.Epoch != h.epoch {
		return nil
	}
	return h.history.Find(at.Offset)
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

// matches returns how the terms of a message's target match a user.
func (h *Hub) matches(m *window.Message, user string) []explain.Match {
	var all []explain.Match
	for t := range envelope.Address(m.Addr()).Terms() {
		match := explain.Match{Shared: t.Shared, Named: user != "" && t.Users.Has(user), Excepted: t.Except.Has(user)}
		for tag := range t.Tags.All() {
			one := h.matchTag(m, user, string(tag))
			switch {
			case len(match.Tags) < explain.MostNames:
				match.Tags = append(match.Tags, one)
			case one.Covered && !match.Tags[len(match.Tags)-1].Covered:
				match.Tags[len(match.Tags)-1] = one
				match.MoreTags++
			default:
				match.MoreTags++
			}
		}
		all = append(all, match)
	}
	return all
}

// matchTag returns how a tag of a message's target matches the watches of a user.
func (h *Hub) matchTag(m *window.Message, user, tag string) explain.TagMatch {
	match := explain.TagMatch{Tag: tag}
	if user == "" {
		return match
	}
	match.Covered = h.watches.covers(user, tag, m)
	if p := h.watches.ended.users[user]; p != nil {
		for _, w := range p.byTag[tag] {
			match.Watches = append(match.Watches, w.shown())
		}
	}
	if w := h.watches.all[watchKey{user, tag}]; w != nil {
		match.Watches = append(match.Watches, w.shown())
	}
	return match
}

func (w *watch) shown() explain.Watch {
	return explain.Watch{Tag: w.tag, Since: w.since, Until: w.until, Expires: time.Unix(0, w.expires)}
}

// WatchesOf returns the watches that a user has now, sorted by tag.
func (h *Hub) WatchesOf(user string, now time.Time) []explain.Watch {
	h.mu.Lock()
	defer h.mu.Unlock()

	var all []explain.Watch
	for _, w := range h.watches.byUser[user] {
		if now.UnixNano() < w.expires {
			all = append(all, w.shown())
		}
	}
	slices.SortFunc(all, func(a, b explain.Watch) int { return strings.Compare(a.Tag, b.Tag) })
	return all
}

// concern sets what a session of a page that is connected has to do with a message.
func (h *Hub) concern(s *explain.Session, p *Page, m *window.Message) {
	addr := envelope.Address(m.Addr())
	s.Sender = envelope.IsSender(addr.Sender(), p.Client, p.User)
	s.Tab = string(envelope.SenderTab(addr.Sender(), p.Client, p.User))
	s.ReplacedBy = h.replacementFor(m, p)
	s.NoPlace = p.Form() == conn.Datastar && !protocol.IsFragment(m.Body())
	for t := range addr.Terms() {
		if p.watches == nil || t.Except.Has(p.User) {
			continue
		}
		s.Unsure = s.Unsure || t.Tags.N > 0 && m.Offset <= p.watches.ended
		for tag := range t.Tags.All() {
			switch w := p.watches.find(string(tag)); {
			case w == nil:
			case w.since >= m.Offset:
				s.WatchFrom = w.since
			case w.began < m.Offset:
				s.Covered = true
			default:
				s.TooLate = true
			}
		}
	}
}

// concernPast is concern for a session that has ended.
func concernPast(s *explain.Session, m *window.Message) {
	addr := envelope.Address(m.Addr())
	s.Sender = envelope.IsSender(addr.Sender(), s.Client, s.User)
	s.Tab = string(envelope.SenderTab(addr.Sender(), s.Client, s.User))
	for t := range addr.Terms() {
		s.Unsure = s.Unsure || s.Granted && t.Tags.N > 0 && !t.Except.Has(s.User)
	}
}
