package peer

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/lxzan/gws"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// gwsPeer uses gws's own Broadcaster and its asynchronous writes, whose queues
// are unbounded.
type gwsPeer struct {
	gws.BuiltinEventHandler
	*requests
	upgrader *gws.Upgrader
	index    *index[*gws.Conn]
}

func newGWS() (*gwsPeer, error) {
	p := &gwsPeer{index: newIndex[*gws.Conn]()}
	p.upgrader = gws.NewUpgrader(p, &gws.ServerOption{})
	p.requests = newRequests(echo.New(), sendEach(p.User))
	return p, nil
}

func (p *gwsPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	socket, err := p.upgrader.Upgrade(w, r)
	if err != nil {
		return
	}
	user, tag := identity(r)
	p.index.add(user, tag, socket)
	go func() { // as gws recommends, so that net/http's memory of the request can be freed
		socket.ReadLoop()
		p.index.remove(user, tag, socket)
	}()
}

func (p *gwsPeer) Broadcast(m wire.Message) error { return p.send(everyone[*gws.Conn], m) }

func (p *gwsPeer) User(user string, m wire.Message) error { return p.send(ofUser[*gws.Conn](user), m) }

func (p *gwsPeer) Tag(tag string, m wire.Message) error { return p.send(ofTag[*gws.Conn](tag), m) }

func (p *gwsPeer) send(to func(*index[*gws.Conn]) []*gws.Conn, m wire.Message) error {
	broadcaster := gws.NewBroadcaster(gws.OpcodeText, m.Append(nil))
	p.index.each(to, func(socket *gws.Conn) { _ = broadcaster.Broadcast(socket) })
	return broadcaster.Close()
}

func (p *gwsPeer) Request(ctx context.Context, user string, messages []wire.Message) error {
	return p.do(ctx, user, messages)
}

func (p *gwsPeer) Close() {}
