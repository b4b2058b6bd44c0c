package web

import (
	"context"
	"errors"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
)

// A page is a session with what the plugin knows of it.
type page struct {
	hub.Page
	server  *Server
	payer   string   // to whom it is charged
	arrival *arrival // nil once it has joined
}

// An arrival is how a page comes.
type arrival struct {
	at       *envelope.Cursor // where it says it is; nil if it does not
	began    uint64           // disconnects before it began to connect …
	doubtful bool             // … where the login may have been checked before
}

func (pg *page) Settings() *conn.Settings { return &pg.server.engine.Hub().Conns }

// Connected makes the page live.
func (pg *page) Connected() {
	switch err := pg.join(); {
	case err == nil:
	case errors.Is(err, hub.ErrDisconnected):
		pg.CloseNow(conn.CloseNotAllowed, "disconnected")
	default:
		pg.CloseNow(conn.CloseRestart, "try again")
	}
	pg.arrival = nil
}

// join makes the page live. A page that comes from another node may know more
// than this one has heard yet: that is waited for.
func (pg *page) join() error {
	h, at := pg.server.engine.Hub(), pg.arrival.at
	if at != nil && h.IsAhead(*at) {
		ctx, cancel := context.WithTimeout(context.Background(), ahead)
		defer cancel()
		if err := h.AwaitPosition(ctx, *at); err != nil {
			return err
		}
	}
	return h.Join(&pg.Page, at, pg.arrival.began)
}

func (pg *page) ReadOn() (items []conn.Item, more bool) {
	return pg.server.engine.Hub().ReadOn(&pg.Page)
}

func (pg *page) Charge(bytes int) (more bool) {
	return pg.server.limits.replayed(pg.payer, bytes, time.Now())
}

// Received answers a frame of the client.
func (pg *page) Received(frame []byte) {
	s := pg.server
	if !s.allow(&pg.Page, pg.payer) {
		pg.CloseNow(conn.CloseViolation, "too fast")
		return
	}
	q, err := parseRequest(frame)
	if err != nil {
		pg.CloseNow(conn.CloseViolation, err.Error())
		return
	}
	if q.Extend != nil {
		if answer, err := s.engine.Extend(pg.User, q.Extend); err == nil { // else the page asks again
			pg.answer("watch", answer)
		}
	}
	if q.Seen != nil {
		pg.answer("seen", s.engine.Hub().SecondsSinceSeen(pg.User, q.Seen))
	}
}
