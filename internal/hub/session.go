package hub

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/session"
	"github.com/echo-pull/pull/internal/window"
)

// ErrSessionOver is returned by Join if the page's session is over, or was ended.
var ErrSessionOver = errors.New("pull: the session is over")

// ServeEvery is how often ServeSessions is called.
const ServeEvery = time.Second

// ServeSessions asks the pages to renew their sessions for which that time has come, and
// closes those whose session is over. It reports whether there may be more to do. One
// call holds the lock only for a short time.
func (h *Hub) ServeSessions(now time.Time) (more bool) {
	over, more := h.serveTerms(now)
	for _, p := range over {
		p.CloseNow(conn.SessionOver, sessionOver)
	}
	return more
}

const sessionOver = "session over"

// serveTerms is ServeSessions under the lock. It removes the pages whose session is over,
// and returns them.
func (h *Hub) serveTerms(now time.Time) (over []*Page, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	for range sweepStep {
		t := h.terms.due(now)
		if t == nil {
			return over, false
		}
		if t.asked {
			h.removePage(t.page)
			over = append(over, t.page)
			continue
		}
		t.page.Push(conn.Item{Body: protocol.Session(t.lease.Until)})
		h.terms.expectEnd(t, now)
	}
	return over, true
}

// EndSession ends a session on this node: its pages get nothing more, and no page of it
// joins. It returns the pages, which the caller closes.
func (h *Hub) EndSession(id session.ID) []*Page {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.endSession(id, time.Now().Add(EndLife))
}

// endSession is EndSession for a caller that holds mu. It also determines until when no
// page of the session joins.
func (h *Hub) endSession(id session.ID, until time.Time) []*Page {
	h.ends.add(id, until)
	pages := slices.Clone(h.terms.byID[id])
	for _, p := range pages {
		h.removePage(p)
	}
	return pages
}

// IsEnded reports whether a session was ended a moment ago.
func (h *Hub) IsEnded(id session.ID) bool {
	if id == (session.ID{}) {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.ends.has(id)
}

// applySession applies that a session was renewed, or that it was ended.
func (h *Hub) applySession(e *envelope.Envelope) {
	if e.Kind == envelope.KindEndSession {
		h.applyEnd(e)
		return
	}
	h.applyRenewal(e)
}

// applyEnd applies the end of a session. A node that has just started reads ends that are
// of no interest any more.
func (h *Hub) applyEnd(e *envelope.Envelope) {
	if len(e.List) == 0 {
		return
	}
	id, ok := session.ParseID(e.List[0])
	if !ok {
		return
	}
	now := time.Now()
	until := now.Add(EndLife)
	if h.applied.Load() == 0 {
		until = time.Unix(0, e.At).Add(EndLife)
	}
	if !until.After(now) {
		return
	}
	h.round.over = append(h.round.over, h.endSession(id, until)...)
}

// SessionMessage returns the message that a page has renewed its session: its user, its
// client id, and what replaces its lease, which is nil if the login has neither an end nor
// an id any more.
func SessionMessage(user, client string, l *session.Lease, now time.Time) []byte {
	list := []string{user, client, "", "", ""}
	if id := l.SessionID(); id != (session.ID{}) {
		list[2] = id.String()
	}
	if l != nil && !l.Until.IsZero() {
		list[3], list[4] = strconv.FormatInt(l.Until.Unix(), 10), strconv.Itoa(l.Until.Nanosecond())
	}
	return envelope.Control(envelope.KindSession, now, list...)
}

// applyRenewal applies that a page has renewed its session, if this node has the page. It
// ignores a malformed message: the plugin writes none.
func (h *Hub) applyRenewal(e *envelope.Envelope) {
	now := time.Now()
	l, ok := parseSession(e.List, now)
	if !ok {
		return
	}
	for _, p := range h.roster.named(e.List[0], e.List[1]) {
		if l.IsOver(now) || h.ends.has(l.SessionID()) {
			h.removePage(p)
			h.round.over = append(h.round.over, p)
			continue
		}
		h.terms.set(p, l)
		h.terms.add(p, now)
	}
}

// parseSession returns the lease in the strings of a message.
func parseSession(list []string, now time.Time) (l *session.Lease, ok bool) {
	if len(list) != 5 {
		return nil, false
	}
	id, hasID := session.ParseID(list[2])
	if list[2] != "" && !hasID {
		return nil, false
	}
	if list[3] == "" {
		if !hasID {
			return nil, true
		}
		return session.NewLease(id, time.Time{}, now), true
	}
	seconds, err1 := strconv.ParseInt(list[3], 10, 64)
	nanos, err2 := strconv.ParseInt(list[4], 10, 64)
	if err1 != nil || err2 != nil {
		return nil, false
	}
	return session.NewLease(id, time.Unix(seconds, nanos), now), true
}

// EndLife is for how long after its end no page of a session joins, and so for how long the
// log has to keep the message. No handshake takes longer.
const EndLife = banLife

// ends are the sessions that were ended a moment ago. It is passive: its owner guards it.
type ends struct {
	until  map[session.ID]time.Time
	expiry window.Deque[ending] // one of each addition, roughly the first to expire first
}

type ending struct {
	id    session.ID
	until time.Time
}

func (e *ends) add(id session.ID, until time.Time) {
	if e.until == nil {
		e.until = make(map[session.ID]time.Time)
	}
	if until.After(e.until[id]) {
		e.until[id] = until
		e.expiry.Push(ending{id, until})
	}
}

func (e *ends) has(id session.ID) bool {
	_, ended := e.until[id]
	return ended
}

// expire removes the ends that are old enough.
func (e *ends) expire(now time.Time) {
	for e.expiry.Len() > 0 && now.After(e.expiry.At(0).until) {
		if old := e.expiry.Pop(); e.until[old.id].Equal(old.until) {
			delete(e.until, old.id)
		}
	}
}
