package hub

import (
	"time"

	"github.com/echo-pull/pull/internal/conn"
)

// A stub is the owner of a session without a plugin.
type stub struct {
	node      *Hub
	session   Page
	afterRead func()
}

func newSession(n *Hub, user string, l conn.Transport) *Page { return &newStub(n, user, l).session }

func newStub(n *Hub, user string, l conn.Transport) *stub {
	s := &stub{node: n, session: Page{User: user}}
	s.session.Open(s)
	s.session.Carry(l)
	return s
}

func (s *stub) Settings() *conn.Settings { return &s.node.Conns }
func (*stub) Connected()                 {}
func (*stub) Received([]byte)            {}
func (s *stub) ReadOn() ([]conn.Item, bool) {
	items, more := s.node.ReadOn(&s.session)
	if s.afterRead != nil {
		s.afterRead()
	}
	return items, more
}
func (*stub) Charge(int) bool { return true }

// nowhere is a link that takes everything.
type nowhere struct{ *conn.Socket }

func (nowhere) Start(*conn.Conn)                            {}
func (nowhere) Offer(_ *conn.Nonblocking, frame []byte) int { return len(frame) }
func (nowhere) WriteAll([]byte) error                       { return nil }
func (nowhere) Limit(time.Duration)                         {}
func (nowhere) Finish()                                     {}
func (nowhere) Cut()                                        {}
