package peer

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// backlog is how many messages a hub queues for a connection. It is melody's
// default.
const backlog = 256

// A hub is what you would write by hand on a WebSocket library without
// broadcasting: an index, and a bounded channel and a writing goroutine for each
// connection. F is the library's form of a message, encoded once for all.
type hub[F any] struct {
	*requests
	index *index[*member[F]]
	many  func(text []byte) (F, error) // the form for many receivers
	one   func(text []byte) (F, error) // the form for one
}

// A member is one connection. Messages that do not fit its channel are lost.
type member[F any] struct {
	frames chan F
}

func newHub[F any](many, one func([]byte) (F, error)) *hub[F] {
	h := &hub[F]{index: newIndex[*member[F]](), many: many, one: one}
	h.requests = newRequests(echo.New(), sendEach(h.User))
	return h
}

// join adds a member; leave removes it.
func (h *hub[F]) join(r *http.Request) (m *member[F], leave func()) {
	user, tag := identity(r)
	m = &member[F]{frames: make(chan F, backlog)}
	h.index.add(user, tag, m)
	return m, func() { h.index.remove(user, tag, m) }
}

func (h *hub[F]) Broadcast(m wire.Message) error {
	return h.send(everyone[*member[F]], h.many, m)
}

func (h *hub[F]) User(user string, m wire.Message) error {
	return h.send(ofUser[*member[F]](user), h.one, m)
}

func (h *hub[F]) Tag(tag string, m wire.Message) error {
	return h.send(ofTag[*member[F]](tag), h.many, m)
}

func (h *hub[F]) Request(ctx context.Context, user string, messages []wire.Message) error {
	return h.do(ctx, user, messages)
}

func (h *hub[F]) Close() {}

func (h *hub[F]) send(to func(*index[*member[F]]) []*member[F], encode func([]byte) (F, error), m wire.Message) error {
	frame, err := encode(m.Append(nil))
	if err != nil {
		return err
	}
	h.index.each(to, func(m *member[F]) {
		select {
		case m.frames <- frame:
		default:
		}
	})
	return nil
}
