package web

import (
	"time"

	"github.com/echo-pull/pull/internal/oplog"
)

// log logs something about the life of a page, with its user and transport.
func (p *page) log(m *oplog.Message, more ...any) {
	m.Log(p.server.engine.Logger(), append([]any{p.User, p.Form().Transport()}, more...)...)
}

// logConnected logs that the handshake of a page has succeeded.
func (p *page) logConnected() {
	if oplog.Connected.IsLogged(p.server.engine.Logger()) {
		p.log(&oplog.Connected)
	}
}

// logJoined logs that a page is live, unless err is why it is not, and drops what only the
// handshake needed.
func (p *page) logJoined(err error) {
	began := p.handshake.began
	p.handshake = nil
	if err != nil || !oplog.Joined.IsLogged(p.server.engine.Logger()) {
		return
	}
	joined := &oplog.Joined
	if p.server.engine.Hub().HasRecovered(&p.Page) {
		joined = &oplog.Recovered
	}
	p.log(joined, time.Since(began))
	p.handshake = &handshake{began: time.Now(), live: true}
}

// logLeft logs the end of a page of which logJoined has logged the beginning.
func (p *page) logLeft() {
	if p.handshake == nil || !p.handshake.live {
		return
	}
	p.log(&oplog.Left, time.Since(p.handshake.began), p.Cause().String())
}
