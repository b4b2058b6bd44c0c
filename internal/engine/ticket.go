package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/session"
	"github.com/echo-pull/pull/internal/ticket"
)

// ErrNoTickets is returned by IssueTicket if nodes may share the Broker and
// Config.Secret is missing: a node could not open the tickets of another one.
var ErrNoTickets = errors.New("pull: tickets need Config.Secret, which all nodes share")

// IssueTicket returns a ticket for a login, whose page has an origin. It returns an error
// if the login may be over, see [hub.Hub.TicketFrom]. It reports ErrNoTickets once.
func (e *Engine) IssueTicket(login session.Login, origin ticket.Origin, began uint64, stale bool) (string, error) {
	if e.memory == nil && len(e.config.Secret) == 0 {
		e.ticketsMissing.Do(func() { e.Misconfigured(ErrNoTickets) })
		return "", ErrNoTickets
	}
	from, err := e.hub.TicketFrom(login, began, stale)
	if err != nil {
		return "", err
	}
	t := ticket.Of(login, origin, from)
	return e.tickets.Seal(&t, time.Now()), nil
}

// OpenTicket returns the ticket in a text that was presented, which can be used as far
// as this node knows. It does not use it.
func (e *Engine) OpenTicket(text string) (*ticket.Ticket, error) {
	t, err := e.tickets.Open(text, time.Now())
	if err != nil {
		return nil, err
	}
	return &t, e.hub.CheckTicket(&t, 0)
}

// ErrLogSilent is returned by UseTicket if the log cannot be reached. The ticket may
// have been used.
var ErrLogSilent = errors.New("pull: the log cannot be reached")

// UseTicket uses a ticket, unless it was used before, on any node. It waits until the
// log has the use, or ctx ends.
func (e *Engine) UseTicket(ctx context.Context, t *ticket.Ticket) error {
	seq, err := e.publisher.Command(envelope.Control(envelope.KindTicket, time.Now(), string(t.ID[:])))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLogSilent, err)
	}
	ctx, cancel := context.WithTimeout(ctx, appliedWait)
	defer cancel()
	if !e.hub.AwaitApplied(ctx, seq) {
		return ErrLogSilent
	}
	return e.hub.CheckTicket(t, seq)
}
