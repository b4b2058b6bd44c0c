package conn

import (
	"bytes"
	"compress/flate"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull/internal/protocol"
)

// A client whose frame was neither received nor refused would wait for a response
// that never comes.
func FuzzCompressedFrameIsReceivedOrRefused(f *testing.F) {
	f.Add([]byte("\x00\x64\x00\x9b\xff{}")) // a block that ends too early
	f.Add([]byte("\xff\xff\xff\xff"))       // no deflate
	f.Add([]byte("\xaa\x56\x02\x00"))       // "{}"
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		o := new(receiver)
		o.settings.Spawn = func(func()) {}
		server, client := net.Pipe()
		defer func() { _, _ = server.Close(), client.Close() }()
		c := new(Conn)
		c.SetOwner(o, protocol.V2)
		s := newSocket(server, c)
		c.SetTransport(s)
		tail := strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff") // which gorilla adds, too

		s.receive(websocket.TextMessage, flate.NewReader(io.MultiReader(bytes.NewReader(payload), tail)))

		if closed := c.end(); (o.received == 1) == closed || closed != c.ignores() {
			t.Errorf("received %d frames, closed %t, want a frame or the end of the connection", o.received, closed)
		}
		if o.bytes > IncomingBytes {
			t.Errorf("received %d bytes, want at most %d", o.bytes, IncomingBytes)
		}
	})
}

// A receiver counts what it receives.
type receiver struct {
	solitary
	received, bytes int
}

func (r *receiver) Received(frame []byte) { r.received, r.bytes = r.received+1, r.bytes+len(frame) }
