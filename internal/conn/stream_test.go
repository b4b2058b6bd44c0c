package conn

import (
	"io"
	"net"
	"testing"

	"github.com/echo-pull/pull/internal/protocol"
)

// A solitary owns a connection of a test and does nothing.
type solitary struct{ settings Settings }

func (s *solitary) Settings() *Settings          { return &s.settings }
func (*solitary) Connected()                     {}
func (*solitary) Received([]byte)                {}
func (*solitary) ReadOn() (items []Item, _ bool) { return nil, false }
func (*solitary) Charge(int) (more bool)         { return true }
func (*solitary) Ended()                         {}

// connect returns an idle connection with the transport that is made of one end of
// a socket, and the other end.
func connect(t *testing.T, transport func(net.Conn, *Conn) Transport) (*Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	c := new(Conn)
	c.SetOwner(&solitary{Settings{QueueBytes: 1 << 20, Spawn: func(f func()) { go f() }}}, protocol.V2)
	c.SetTransport(transport(server, c))
	if _, stream := c.transport.(*Stream); stream {
		c.SetStream(c.transport)
	}
	return c, client
}

func sealed() *Frame {
	f := &Frame{Epoch: "e", Last: 7}
	f.SealAll(append(FrameBuffer(nil, 0), `{"id":7}`...))
	return f
}

// All streams share the bytes of a frame, as WebSockets do.
func TestDeliveryAllocatesNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		transport func(net.Conn, *Conn) Transport
		want      string
	}{
		"stream": {func(n net.Conn, c *Conn) Transport { return &Stream{link: newLink(n), conn: c} }, "id: e.7\ndata: [{\"id\":7}]\n\n"},
		"socket": {func(n net.Conn, c *Conn) Transport { return newSocket(n, c) }, "\x81\x0a[{\"id\":7}]"},
	} {
		t.Run(name, func(t *testing.T) {
			c, client := connect(t, tc.transport)
			w, f := new(Nonblocking), sealed()

			allocs := testing.AllocsPerRun(100, func() { c.Deliver(w, f) })

			if allocs != 0 {
				t.Errorf("got %v allocations per delivery, want none", allocs)
			}
			got := make([]byte, len(tc.want))
			for range 101 {
				if _, err := io.ReadFull(client, got); err != nil || string(got) != tc.want {
					t.Fatalf("got %q and %v, want %q", got, err, tc.want)
				}
			}
		})
	}
}

// Forms of one version share the messages.
func TestFormsOfAFrameDoNotDisturbOneAnother(t *testing.T) {
	f := &Frame{Epoch: "e", Last: 7}
	b := append(FrameBuffer(nil, 0), `[7]`...)

	for _, as := range []Form{ArrayEvents, Arrays, ArrayEvents} {
		f.Seal(as, b)
	}

	if got, want := string(f.forms[Arrays].raw), "\x81\x05[[7]]"; got != want {
		t.Errorf("WebSocket: got %q, want %q", got, want)
	}
	if got, want := string(f.forms[ArrayEvents].raw), "id: e.7\ndata: [[7]]\n\n"; got != want {
		t.Errorf("stream: got %q, want %q", got, want)
	}
	if &f.forms[Arrays].body[0] != &f.forms[ArrayEvents].body[0] {
		t.Error("the messages are in memory twice, want them shared")
	}
	if e := f.forms[ArrayEvents].raw; cap(e)-len(e) > maxEventHead {
		t.Errorf("got %d bytes in a buffer of %d", len(e), cap(e))
	}
}
