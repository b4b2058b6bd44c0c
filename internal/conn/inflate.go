package conn

import (
	"compress/flate"
	"errors"
	"io"
	"time"

	"github.com/gorilla/websocket"
)

// readInflated reads a connection whose client may compress what it sends, until
// that fails. melody reads all other connections, but its limit counts compressed
// bytes: 16 KiB of them can become 16 MiB. The error that ends the reading stays
// with the connection, so melody, which reads next, gets it too.
func (b *Broadcaster) readInflated(s *Socket, ws *websocket.Conn) {
	ws.SetReadLimit(IncomingBytes)
	ws.SetCloseHandler(func(int, string) error { return closedByClient(s) })
	ws.SetPongHandler(func(string) error {
		b.ponged(s)
		return ws.SetReadDeadline(time.Now().Add(b.melody.Config.PongWait))
	})
	_ = ws.SetReadDeadline(time.Now().Add(b.melody.Config.PongWait))
	for {
		kind, r, err := ws.NextReader() // skips what was not read, without inflating it
		if err != nil {
			return
		}
		if !s.conn.ignores() {
			s.receive(kind, r)
		}
	}
}

// receive passes a frame of the client to the owner, or closes the connection.
func (s *Socket) receive(kind int, r io.Reader) {
	if kind == websocket.BinaryMessage {
		s.conn.CloseNow(Violation, "binary frame")
		return
	}
	frame, err := io.ReadAll(io.LimitReader(r, IncomingBytes+1))
	switch {
	case len(frame) > IncomingBytes:
		s.conn.CloseNow(Violation, "frame too large")
	case isMalformed(err):
		s.conn.CloseNow(Violation, "malformed frame")
	case err != nil: // the connection has failed: the next read returns the error again
	default:
		s.conn.receive(frame)
	}
}

// isMalformed reports whether a frame cannot be decompressed. Its data may be wrong,
// or end too early: gorilla has another error for a connection that does so.
func isMalformed(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt) || errors.Is(err, io.ErrUnexpectedEOF)
}
