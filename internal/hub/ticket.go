package hub

import (
	"errors"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/session"
	"github.com/echo-pull/pull/internal/ticket"
)

// The reasons for refusing a ticket, beside those of package ticket.
var (
	ErrTicketUsed = errors.New("the ticket was used before")

	// ErrTicketUnsure is for a ticket of another log, or from before the part of the log
	// that this node has read: it may have been used.
	ErrTicketUnsure = errors.New("the ticket was issued before this node has read the log")

	// ErrTicketOver is for a ticket whose user was disconnected since, or whose session was
	// ended.
	ErrTicketOver = errors.New("disconnected since the ticket was issued")
)

// TicketFrom returns where the log ends, under the name that the broker gives it, for a
// ticket of a login. As for a page that connects, it returns an error if the user was
// disconnected while the request for the ticket was on its way, or the session was ended:
// began is the result of Disconnects
// when it began, and stale says that the login may have been checked before.
func (h *Hub) TicketFrom(login session.Login, began uint64, stale bool) (envelope.Cursor, error) {
	h.mu.Lock()
	defer h.mu.Unlock()

	switch {
	case h.applied.Load() == 0:
		return envelope.Cursor{}, ErrNoLog
	case h.roster.isBanned(login.User, began), stale && h.roster.wasBanned(login.User), h.ends.has(login.ID()):
		return envelope.Cursor{}, ErrRecentlyDisconnected
	}
	return envelope.Cursor{Epoch: h.log, Offset: h.settled}, nil
}

// CheckTicket returns why a ticket cannot be used, or nil. use is the sequence number of
// this node's message by which it was used, once that has been applied, or 0 before. If
// several nodes use a ticket, or one does more than once, the first message in the log
// decides.
func (h *Hub) CheckTicket(t *ticket.Ticket, use uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()

	if t.From.Epoch != h.log || t.From.Offset+1 < h.uses.from {
		return ErrTicketUnsure
	}
	first, used := h.uses.first[t.ID]
	switch {
	case used && (use == 0 || first != use):
		return ErrTicketUsed
	case !used && use != 0: // forgotten meanwhile
		return ErrTicketUnsure
	case h.roster.banned[t.User].offset > t.From.Offset, h.ends.has(t.Session):
		return ErrTicketOver
	}
	return nil
}

// applyUse applies the message of a node that it has used a ticket. It ignores one that
// the plugin has not written.
func (h *Hub) applyUse(e *envelope.Envelope, from *peer, now time.Time) {
	if len(e.List) != 1 || len(e.List[0]) != len(ticket.ID{}) {
		return
	}
	seq := uint64(0)
	if from.self {
		seq = e.Seq
	}
	h.uses.add(ticket.ID([]byte(e.List[0])), seq, h.history.Last(), now)
}
