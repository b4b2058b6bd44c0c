package peer

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/olahol/melody"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// melodyPeer is melody as its documentation shows it: Broadcast for everyone,
// and a filter over all sessions for anything else.
type melodyPeer struct {
	*melody.Melody
	*requests
}

func newMelody() (*melodyPeer, error) {
	p := &melodyPeer{Melody: melody.New()}
	p.requests = newRequests(echo.New(), sendEach(p.User))
	return p, nil
}

func (p *melodyPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, tag := identity(r)
	_ = p.HandleRequestWithKeys(w, r, map[string]any{"user": user, "tag": tag})
}

func (p *melodyPeer) Broadcast(m wire.Message) error { return p.Melody.Broadcast(m.Append(nil)) }

func (p *melodyPeer) User(user string, m wire.Message) error {
	return p.BroadcastFilter(m.Append(nil), func(s *melody.Session) bool { return s.MustGet("user") == user })
}

func (p *melodyPeer) Tag(tag string, m wire.Message) error {
	return p.BroadcastFilter(m.Append(nil), func(s *melody.Session) bool { return s.MustGet("tag") == tag })
}

func (p *melodyPeer) Request(ctx context.Context, user string, messages []wire.Message) error {
	return p.do(ctx, user, messages)
}

func (p *melodyPeer) Close() { _ = p.Melody.Close() }

// indexedMelody is melody with the index that its users add when the filter
// becomes too slow.
type indexedMelody struct {
	melodyPeer
	index *index[*melody.Session]
}

func newIndexedMelody() (*indexedMelody, error) {
	p := &indexedMelody{index: newIndex[*melody.Session]()}
	p.Melody = melody.New()
	p.requests = newRequests(echo.New(), sendEach(p.User))
	p.HandleConnect(func(s *melody.Session) {
		user, tag := identity(s.Request)
		p.index.add(user, tag, s)
	})
	p.HandleDisconnect(func(s *melody.Session) {
		user, tag := identity(s.Request)
		p.index.remove(user, tag, s)
	})
	return p, nil
}

func (p *indexedMelody) User(user string, m wire.Message) error {
	text := m.Append(nil)
	p.index.each(ofUser[*melody.Session](user), func(s *melody.Session) { _ = s.Write(text) })
	return nil
}

func (p *indexedMelody) Tag(tag string, m wire.Message) error {
	text := m.Append(nil)
	p.index.each(ofTag[*melody.Session](tag), func(s *melody.Session) { _ = s.Write(text) })
	return nil
}
