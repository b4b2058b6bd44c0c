package hub

import (
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/session"
	"github.com/echo-pull/pull/internal/ticket"
)

// ticketAt returns a ticket of the user 42 that was issued at a position of the log.
func ticketAt(number byte, epoch string, offset uint64) *ticket.Ticket {
	return &ticket.Ticket{ID: ticket.ID{number}, User: "42", From: envelope.Cursor{Epoch: epoch, Offset: offset}}
}

// uses returns the message of a node that it has used a ticket.
func useOf(node string, seq uint64, t *ticket.Ticket) []byte {
	raw := envelope.Control(envelope.KindTicket, time.Now(), string(t.ID[:]))
	envelope.Stamp(raw, node, seq)
	return raw
}

// beat returns a message that says nothing.
func beat(seq uint64) []byte {
	raw := envelope.Control(envelope.KindBeat, time.Now())
	envelope.Stamp(raw, "somebody", seq)
	return raw
}

func plainHub() (*Hub, *Dispatcher) { return newHub(func(*Config) {}) }

func checkTicket(t *testing.T, h *Hub, ticket *ticket.Ticket, use uint64, want error) {
	t.Helper()
	if got := h.CheckTicket(ticket, use); !errors.Is(got, want) {
		t.Errorf("ticket from %s, use %d: got %v, want %v", ticket.From, use, got, want)
	}
}

func TestFirstUseInTheLogWins(t *testing.T) {
	for name, nodes := range map[string][]string{"this node": {"", "somebody"}, "another node": {"somebody", ""}, "this node, again": {"", "", ""}} {
		t.Run(name, func(t *testing.T) {
			h, d := plainHub()
			one := ticketAt(1, "log", 1)
			d.Dispatch([]broker.Delivery{delivery("log", 1, beat(1))})
			checkTicket(t, h, one, 0, nil)
			for i, node := range nodes {
				if node == "" {
					node = h.ID
				}
				d.Dispatch([]broker.Delivery{delivery("log", uint64(i)+2, useOf(node, uint64(i)+2, one))})
			}
			for i, node := range nodes {
				if node != "" {
					continue
				}
				want := ErrTicketUsed
				if i == 0 {
					want = nil
				}
				checkTicket(t, h, one, uint64(i)+2, want)
			}
			checkTicket(t, h, one, 0, ErrTicketUsed)
			checkTicket(t, h, ticketAt(2, "log", 1), 0, nil)
		})
	}
}

// The node that sent a message twice, because it was not sure of the first time, has
// used the ticket once.
func TestUseThatIsPublishedTwiceIsOneUse(t *testing.T) {
	h, d := plainHub()
	one := ticketAt(1, "log", 0)
	d.Dispatch([]broker.Delivery{delivery("log", 1, useOf(h.ID, 1, one)), delivery("log", 2, useOf(h.ID, 1, one))})

	checkTicket(t, h, one, 1, nil)
}

func TestTicketIsRefusedUnlessTheLogSinceItsIssueIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		log    []broker.Delivery
		ticket *ticket.Ticket
		want   error
	}{
		"from the beginning":          {[]broker.Delivery{delivery("log", 10, beat(1))}, ticketAt(1, "log", 9), nil},
		"before the beginning":        {[]broker.Delivery{delivery("log", 10, beat(1))}, ticketAt(1, "log", 8), ErrTicketUnsure},
		"of another log":              {[]broker.Delivery{delivery("log", 10, beat(1))}, ticketAt(1, "other", 10), ErrTicketUnsure},
		"of the log before":           {[]broker.Delivery{delivery("log", 10, beat(1)), delivery("new", 10, beat(2))}, ticketAt(1, "log", 10), ErrTicketUnsure},
		"of the log after":            {[]broker.Delivery{delivery("log", 10, beat(1)), delivery("new", 1, beat(2))}, ticketAt(1, "new", 1), nil},
		"after a hole":                {[]broker.Delivery{delivery("log", 10, beat(1)), delivery("log", 15, beat(2))}, ticketAt(1, "log", 14), nil},
		"before a hole":               {[]broker.Delivery{delivery("log", 10, beat(1)), delivery("log", 15, beat(2))}, ticketAt(1, "log", 13), ErrTicketUnsure},
		"before the log went back":    {[]broker.Delivery{delivery("log", 10, beat(1)), delivery("log", 11, beat(2)), delivery("log", 10, beat(3))}, ticketAt(1, "log", 10), ErrTicketUnsure},
		"after the log went back":     {[]broker.Delivery{delivery("log", 10, beat(1)), delivery("log", 10, beat(3)), delivery("log", 11, beat(4))}, ticketAt(1, "log", 11), nil},
		"before a removed message":    {[]broker.Delivery{delivery("log", 10, beat(1)), delivery("log", 11, nil), delivery("log", 12, beat(2))}, ticketAt(1, "log", 10), ErrTicketUnsure},
		"after a removed message":     {[]broker.Delivery{delivery("log", 10, beat(1)), delivery("log", 11, nil), delivery("log", 12, beat(2))}, ticketAt(1, "log", 11), nil},
		"ahead of this node":          {[]broker.Delivery{delivery("log", 10, beat(1))}, ticketAt(1, "log", 99), nil},
		"no position":                 {[]broker.Delivery{delivery("log", 10, beat(1))}, ticketAt(1, "", 10), ErrTicketUnsure},
		"of the largest offset":       {[]broker.Delivery{delivery("log", 10, beat(1))}, ticketAt(1, "log", envelope.MaxOffset), nil},
		"malformed uses do not count": {[]broker.Delivery{delivery("log", 10, envelope.Control(envelope.KindTicket, time.Now(), "x")), delivery("log", 11, envelope.Control(envelope.KindTicket, time.Now()))}, ticketAt('x', "log", 10), nil},
	} {
		t.Run(name, func(t *testing.T) {
			h, d := plainHub()
			d.Dispatch(c.log)
			checkTicket(t, h, c.ticket, 0, c.want)
		})
	}
}

// A node that has read nothing yet knows of no log, so that no ticket is of it.
func TestNodeWithoutALogAcceptsNoTicket(t *testing.T) {
	h, _ := plainHub()
	checkTicket(t, h, ticketAt(1, "log", 0), 0, ErrTicketUnsure)
	if from, err := h.TicketFrom(session.Login{User: "42"}, 0, false); !errors.Is(err, ErrNoLog) {
		t.Errorf("got %s, %v, want %v", from, err, ErrNoLog)
	}
}

func TestForgottenUseCannotBeRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, d := plainHub()
		one := ticketAt(1, "log", 1)
		d.Dispatch([]broker.Delivery{delivery("log", 1, beat(1)), delivery("log", 2, useOf("somebody", 2, one))})
		<-time.After(useLife)
		for h.Sweep(time.Now()) {
		}
		checkTicket(t, h, one, 0, ErrTicketUsed)
		<-time.After(time.Second)
		for h.Sweep(time.Now()) {
		}

		checkTicket(t, h, one, 0, ErrTicketUnsure)
		checkTicket(t, h, ticketAt(2, "log", 2), 0, nil)
		if n := len(h.uses.first) + h.uses.order.Len(); n != 0 {
			t.Errorf("%d uses are remembered, want none", n)
		}
	})
}

func TestUsesAreBounded(t *testing.T) {
	u := newUses()
	now := time.Now()
	for i := range uint64(maxUses + 10) {
		u.add(ticket.ID(binary.BigEndian.AppendUint64(make([]byte, 4), i)), 0, i+1, now)
	}
	if len(u.first) != maxUses || u.order.Len() != maxUses || u.from != 11 {
		t.Errorf("%d and %d uses are remembered from offset %d on, want %d from 11 on", len(u.first), u.order.Len(), u.from, maxUses)
	}
	if more := u.expire(now.Add(time.Hour), 1000); !more || len(u.first) != maxUses-1000 {
		t.Errorf("%d uses are left after the first step, want %d", len(u.first), maxUses-1000)
	}
}

func TestTicketFromBeforeADisconnectIsRefused(t *testing.T) {
	h, d := plainHub()
	end := envelope.Control(envelope.KindDisconnect, time.Now(), "42", "name")
	own := envelope.Control(envelope.KindDisconnect, time.Now(), "7", "name")
	envelope.Stamp(end, "somebody", 2)
	envelope.Stamp(own, h.ID, 1)
	d.Dispatch([]broker.Delivery{delivery("log", 1, beat(1))})
	before, own7 := ticketAt(1, "log", 1), ticketAt(3, "log", 3)
	own7.User = "7"
	checkTicket(t, h, before, 0, nil)
	h.Disconnect("7") // whose message is published at the same time
	checkTicket(t, h, own7, 0, nil)
	d.Dispatch([]broker.Delivery{delivery("log", 2, end), delivery("log", 3, beat(3)), delivery("log", 4, own)})

	checkTicket(t, h, before, 0, ErrTicketOver)
	checkTicket(t, h, own7, 0, ErrTicketOver)
	checkTicket(t, h, ticketAt(2, "log", 4), 0, nil)
	d.Dispatch([]broker.Delivery{delivery("other", 1, beat(5))})
	checkTicket(t, h, ticketAt(2, "other", 1), 0, nil)
}

func TestTicketIsNotIssuedToALoginOfBeforeADisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, d := plainHub()
		raw := envelope.Control(envelope.KindHello, time.Now())
		envelope.Stamp(raw, h.ID, 1)
		d.Dispatch([]broker.Delivery{delivery("log", 1, raw)})
		began := h.Disconnects()
		if from, err := h.TicketFrom(session.Login{User: "42"}, began, true); err != nil || from != (envelope.Cursor{Epoch: "log", Offset: 1}) {
			t.Fatalf("got %s, %v, want log.1", from, err)
		}

		h.Disconnect("42")

		if _, err := h.TicketFrom(session.Login{User: "42"}, began, false); err == nil {
			t.Error("a request of before the disconnect got a ticket")
		}
		if _, err := h.TicketFrom(session.Login{User: "42"}, h.Disconnects(), true); err == nil {
			t.Error("a request that may be of before the disconnect got a ticket")
		}
		if _, err := h.TicketFrom(session.Login{User: "42"}, h.Disconnects(), false); err != nil {
			t.Errorf("a request of after the disconnect got %v", err)
		}
		<-time.After(staleFor)
		if _, err := h.TicketFrom(session.Login{User: "42"}, h.Disconnects(), true); err != nil {
			t.Errorf("a request of long after the disconnect got %v", err)
		}
	})
}

func TestTicketOfASessionThatWasEndedIsRefused(t *testing.T) {
	h, d := plainHub()
	id := session.IDOf("cookie")
	hello, end := envelope.Control(envelope.KindHello, time.Now()), envelope.Control(envelope.KindEndSession, time.Now(), id.String(), "name")
	envelope.Stamp(hello, h.ID, 1)
	envelope.Stamp(end, "somebody", 1)
	d.Dispatch([]broker.Delivery{delivery("log", 1, hello)})
	one, other := ticketAt(1, "log", 1), ticketAt(2, "log", 1)
	one.Session, other.Session = id, session.IDOf("another cookie")
	checkTicket(t, h, one, 0, nil)
	d.Dispatch([]broker.Delivery{delivery("log", 2, end)})

	checkTicket(t, h, one, 0, ErrTicketOver)
	checkTicket(t, h, other, 0, nil)
	if _, err := h.TicketFrom(session.Login{User: "42", Lease: session.NewLease(id, time.Time{}, time.Now())}, h.Disconnects(), false); err == nil {
		t.Error("a session that was ended got a ticket")
	}
}
