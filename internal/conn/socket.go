package conn

import (
	"net"
	"sync/atomic"
	"time"
)

// A Socket is a transport over a WebSocket. It is also the net.Conn that melody
// reads from.
//
// After the handshake it discards what melody or gorilla would write: responses
// to pings and closes, and protocol errors. Such bytes would end up inside the
// frames of the Conn, which sends the same messages itself. For the same reason
// Close does nothing: closeAfterReading closes the network connection, after the
// close message is written.
type Socket struct {
	link
	conn       *Conn
	upgraded   atomic.Bool   // the handshake is over
	peerClosed atomic.Bool   // the client has sent a close message or has disconnected
	finished   atomic.Bool   // closeSent is closed, if there is one
	closeSent  chan struct{} // closed when our close message is written or cannot be; nil before Limit
	flood      flood
}

func newSocket(netConn net.Conn, c *Conn) *Socket {
	return &Socket{link: newLink(netConn), conn: c}
}

// Read counts what is read against the limits of the client.
func (s *Socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if !s.flood.allowRead(n) {
		return 0, errFlood
	}
	return n, err
}

// Write writes the handshake. After that it discards.
func (s *Socket) Write(p []byte) (int, error) {
	if s.upgraded.Load() {
		return len(p), nil
	}
	return s.Conn.Write(p)
}

// Close does nothing; closeAfterReading closes the network connection.
func (s *Socket) Close() error { return nil }

// SetReadDeadline does nothing once the connection is being closed: a pong must
// not extend the time that it has.
func (s *Socket) SetReadDeadline(t time.Time) error {
	if s.closing.Load() {
		return nil
	}
	return s.Conn.SetReadDeadline(t)
}

// SetWriteDeadline sets the deadline of the handshake. After that it does
// nothing: WriteAll and Limit set deadlines.
func (s *Socket) SetWriteDeadline(t time.Time) error {
	if s.upgraded.Load() {
		return nil
	}
	return s.Conn.SetWriteDeadline(t)
}

// Limit sets one deadline for all further reads and writes.
func (s *Socket) Limit(d time.Duration) {
	s.closeSent = make(chan struct{})
	s.link.Limit(d)
}

// Finish leaves the connection open: the client still has to respond to the
// close message.
func (s *Socket) Finish() {
	if s.finished.CompareAndSwap(false, true) && s.closeSent != nil {
		close(s.closeSent)
	}
}

// Cut closes the network connection.
func (s *Socket) Cut() {
	s.link.Cut()
	s.Finish()
}

// closeAfterReading closes the network connection when melody has stopped
// reading, but not before the close message is written. If the client is still
// sending, what it has sent is read and discarded: if it stayed unread, the
// connection would be reset, and the client would lose the reason.
func (s *Socket) closeAfterReading() {
	if s.conn.end() && s.closeSent != nil {
		<-s.closeSent
		if !s.peerClosed.Load() && s.closeWrite() {
			s.discard()
		}
	}
	s.conn.Cut()
}
