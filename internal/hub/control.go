package hub

import (
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// applyControl applies a control message of a node.
func (h *Hub) applyControl(e *envelope.Envelope, from *peer) {
	from.stopping = e.Kind == envelope.KindBye || from.stopping && e.Kind != envelope.KindHello
	if from.expired {
		from.expired = false // it was unreachable and its users were removed: request them again
		h.config.Publish(envelope.Control(envelope.KindHello, time.Now()))
	}
	if from.self {
		h.confirm(e)
		defer h.announce() // the changes since the last announcement
	} else {
		h.serve(e)
	}
	switch e.Kind {
	case envelope.KindOnline, envelope.KindOffline, envelope.KindRoster:
		h.applyPresence(e, from)
	case envelope.KindPages:
		if !from.self {
			from.pages.apply(e.List)
		}
	case envelope.KindSession, envelope.KindEndSession:
		h.applySession(e)
	case envelope.KindDone:
		h.applyDone(string(e.Node), e.List)
	case envelope.KindWatch, envelope.KindExtend, envelope.KindUnwatch:
		h.applyWatch(e)
	case envelope.KindTicket:
		h.applyUse(e, from, time.Now())
	case envelope.KindLooked, envelope.KindNotified, envelope.KindClaim, envelope.KindMissed:
		h.applyNews(e, time.Now())
	default: // the others say something of their node only
	}
	if e.Kind == envelope.KindBye {
		from.pages = peerPages{}
		h.claimNotes()
	}
}

// applyPresence applies what a node says of its users.
func (h *Hub) applyPresence(e *envelope.Envelope, from *peer) {
	switch e.Kind {
	case envelope.KindOnline:
		h.addChanges(h.presence.addUsers(from, e.List))
	case envelope.KindOffline:
		h.addChanges(h.presence.removeUsers(from, e.List, e.At, from.self))
	default:
		h.addChanges(h.presence.applyList(from, e.List, e.At))
	}
}

// confirm records that a message of this node has come back from the log.
func (h *Hub) confirm(e *envelope.Envelope) {
	switch e.Kind {
	case envelope.KindOnline, envelope.KindOffline:
		h.presence.unconfirmed = max(0, h.presence.unconfirmed-1)
	case envelope.KindRoster:
		h.lists.publishing = false
	case envelope.KindPages:
		h.news.unconfirmed = false
	case envelope.KindUnwatch:
		if len(e.List) > 0 {
			h.pendingEnds.add(e.List[0], -1)
		}
	case envelope.KindHello:
		if h.lists.requesting {
			h.lists.requesting = false
			h.publishUsers()
		}
	case envelope.KindBye:
		h.stopped = true
	case envelope.KindDisconnect, envelope.KindEndSession:
		if len(e.List) > 1 {
			h.roster.moveBan(e.List[0], h.history.Last())
			h.confirmAsk(e.List[1])
		}
	default:
	}
}

// serve does what a message of another node requests from this one.
func (h *Hub) serve(e *envelope.Envelope) {
	switch e.Kind {
	case envelope.KindDisconnect, envelope.KindEndSession:
		if len(e.List) < 2 {
			return // the plugin writes none
		}
		if e.Kind == envelope.KindDisconnect {
			h.round.disconnected = append(h.round.disconnected, e.List[0])
		}
		h.follow(e.List[1])
	case envelope.KindHello:
		h.publishUsers()
		h.noteAllPageWatches()
	default:
	}
}

// applyWatch applies a grant, an extension or an end of watches. It ignores an
// incomplete message: the plugin writes none.
func (h *Hub) applyWatch(e *envelope.Envelope) {
	if len(e.List) == 0 {
		return
	}
	user, rest := e.List[0], e.List[1:]
	switch {
	case e.Kind == envelope.KindUnwatch:
		h.watches.end(user, rest, h.history.Last(), h.history.Latest())
	case e.Kind == envelope.KindExtend:
		for _, tag := range rest {
			h.extendWatch(user, tag, e.At)
		}
	case len(rest) > 1:
		h.applyGrant(user, envelope.ParseCursor(rest[0]), rest[1:], e.At)
	}
}
