package pull

import (
	"context"
	"errors"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
)

// A page is a session with what the plugin knows of it.
type page struct {
	session
	plugin  *Plugin
	payer   string   // to whom it is charged
	arrival *arrival // nil once it has joined
}

// An arrival is how a page comes.
type arrival struct {
	at       *envelope.Cursor // where it says it is; nil if it does not
	began    uint64           // disconnects before it began to connect …
	doubtful bool             // … where the login may have been checked before
}

func (pg *page) Settings() *conn.Settings { return &pg.plugin.node.conns }

// Connected makes the page live.
func (pg *page) Connected() {
	switch err := pg.join(); {
	case err == nil:
	case errors.Is(err, errBanned):
		pg.CloseNow(conn.CloseNotAllowed, "disconnected")
	default:
		pg.CloseNow(conn.CloseRestart, "try again")
	}
	pg.arrival = nil
}

// join makes the page live. A page that comes from another node may know more
// than this one has heard yet: that is waited for.
func (pg *page) join() error {
	p, at := pg.plugin, pg.arrival.at
	if at != nil && p.isAhead(*at) {
		ctx, cancel := context.WithTimeout(context.Background(), ahead)
		defer cancel()
		if !p.node.awaitPosition(ctx, *at) {
			return errCrowd
		}
	}
	return p.node.join(&pg.session, at, pg.arrival.began)
}

func (pg *page) ReadOn() (items []conn.Item, more bool) { return pg.plugin.node.page(&pg.session) }

func (pg *page) Charge(bytes int) (more bool) {
	return pg.plugin.limits.replayed(pg.payer, bytes, time.Now())
}

// Received answers a frame of the client.
func (pg *page) Received(frame []byte) {
	p := pg.plugin
	if !p.allow(&pg.session, pg.payer) {
		pg.CloseNow(conn.CloseViolation, "too fast")
		return
	}
	q, err := parseRequest(frame)
	if err != nil {
		pg.CloseNow(conn.CloseViolation, err.Error())
		return
	}
	if q.Extend != nil {
		if answer, err := p.extend(pg.user, q.Extend); err == nil { // else the page asks again
			pg.answer("watch", answer)
		}
	}
	if q.Seen != nil {
		pg.answer("seen", p.node.seen(pg.user, q.Seen))
	}
}
