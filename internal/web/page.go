package web

import (
	"context"
	"errors"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/session"
	"github.com/echo-pull/pull/internal/ticket"
)

// A page is a page of the hub with what serves it.
type page struct {
	hub.Page
	server    *Server
	guest     *string    // the payer of a guest; nil for a user
	handshake *handshake // nil once the page has joined, unless logJoined keeps it
}

// A handshake holds what a page needs only until it joins, and began for the log if that
// takes the lives of sessions.
type handshake struct {
	began       time.Time        // when the handshake began, or the session if live
	live        bool             // the page has joined
	cursor      *envelope.Cursor // the position that the page has sent; nil if none
	disconnects uint64           // number of disconnects before the user was determined …
	doubtful    bool             // … which may be too high, see disconnectsBefore
	grants      []string         // that the page presents
	lease       *session.Lease   // of its login; nil if it has none
	ticket      *ticket.Ticket   // with which the page connects, if it is to be used; else nil
	repeats     bool             // the cursor is a Last-Event-ID: the address is that of the connection before
}

// payer returns to whom the page's costs are charged: the user, or the address of a
// guest.
func (p *page) payer() string {
	if p.guest != nil {
		return *p.guest
	}
	return p.User
}

// Settings implements [conn.Owner].
func (p *page) Settings() *conn.Settings { return &p.server.engine.Hub().Conns }

// Connected implements [conn.Owner]: it joins the page, or closes it.
func (p *page) Connected() {
	p.logConnected()
	err := p.join()
	p.logJoined(err)
	switch {
	case err == nil:
	case errors.Is(err, hub.ErrDisconnected):
		p.CloseNow(conn.Disconnect, "disconnected")
	case errors.Is(err, hub.ErrSessionOver):
		p.CloseNow(conn.SessionOver, "session over")
	case errors.Is(err, hub.ErrStopping):
		p.CloseNow(conn.Shutdown, "restart")
	default:
		p.CloseNow(conn.Ahead, "try again")
	}
}

// login returns the login with which the page connects.
func (p *page) login() session.Login {
	return session.Login{User: p.User, Lease: p.handshake.lease}
}

// join makes the page live. If the page comes from another node, its cursor may be
// ahead of what this node has read from the log. join waits for that.
func (p *page) join() error {
	h, at := p.server.engine.Hub(), p.handshake.cursor
	if p.handshake.lease != nil {
		h.SetLease(&p.Page, p.handshake.lease)
	}
	presented := p.presented()
	if at == nil && p.Form().IsHTML() {
		at = firstPosition(presented)
	}
	if at != nil && h.IsAhead(*at) {
		ctx, cancel := context.WithTimeout(context.Background(), aheadWait)
		defer cancel()
		if err := h.AwaitPosition(ctx, *at); err != nil {
			return err
		}
	}
	if len(presented) == 0 {
		return h.Join(&p.Page, at, p.handshake.disconnects)
	}
	login := p.login() // the hub has none for a page whose session was ended meanwhile
	return h.JoinWatching(&p.Page, at, p.handshake.disconnects, presented, func() []byte {
		return encodeReply("grants", p.server.engine.AnswerGrants(login, presented))
	})
}

// Ended implements [conn.Owner]: it gives back what the page has taken.
func (p *page) Ended() {
	p.logLeft()
	p.server.engine.RemovePage(&p.Page, p.payer())
}

// ReadOn implements [conn.Owner].
func (p *page) ReadOn() (items []conn.Item, more bool) {
	return p.server.engine.Hub().ReadOn(&p.Page)
}

// Charge implements [conn.Owner].
func (p *page) Charge(bytes int) (more bool) {
	return p.server.limits.chargeReplay(p.payer(), bytes, time.Now())
}

// Received implements [conn.Owner].
func (p *page) Received(frame []byte) {
	if isMessage(frame) {
		p.send(frame)
	} else {
		p.serve(frame)
	}
}

// serve serves a request of the client.
func (p *page) serve(frame []byte) {
	s := p.server
	if !s.allowRequest(&p.Page, p.payer()) {
		p.CloseNow(conn.Flood, "too fast")
		return
	}
	q, err := parseRequest(frame)
	if err != nil {
		p.CloseNow(conn.Violation, err.Error())
		return
	}
	if q.Extend != nil {
		if response, err := s.engine.Extend(p.User, q.Extend); err == nil { // without a response the page retries
			p.reply("watch", response)
		}
	}
	if q.Unwatch != nil {
		s.unwatchPage(&p.Page, q.Unwatch)
	}
	if q.Watch != nil {
		if answer, connected := s.watchPage(&p.Page, q.Watch); connected {
			p.reply("grants", answer)
		}
	}
	if q.Looking != nil {
		s.engine.Hub().SetLooking(&p.Page, *q.Looking, time.Now())
	}
	if q.Read != "" {
		_ = s.read(p.User, q.Read) // too often, or the publisher's queue is full: the notification stays
	}
	if q.Seen != nil {
		p.reply("seen", s.engine.Hub().SecondsSinceSeen(p.User, q.Seen))
	}
}

// send sends a message of the page to others.
func (p *page) send(frame []byte) {
	allowed, tolerated := p.server.limits.allowMessage(p.payer(), time.Now())
	if !tolerated {
		p.CloseNow(conn.Flood, "too fast")
		return
	}
	m, err := parseFrame(frame)
	if err == nil {
		var answer protocol.Sent
		if answer, err = p.server.send(p.User, engine.Sender{Client: p.Client, Page: &p.Page}, m, allowed); err == nil {
			p.reply("sent", answer)
			return
		}
	}
	p.CloseNow(conn.Violation, err.Error())
}

// reply sends the response to a request in a frame.
func (p *page) reply(command string, params any) {
	p.Push(conn.Item{Body: encodeReply(command, params)})
}

// encodeReply returns a message of the plugin.
func encodeReply(command string, params any) []byte {
	body, err := protocol.Reply(command, params)
	if err != nil {
		panic(err) // never: params are maps and structs of strings and numbers
	}
	return body
}
