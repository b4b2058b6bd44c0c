package conn

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
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
	net.Conn
	conn       *Conn
	raw        syscall.RawConn // for writes that do not block; nil if the connection has none: TLS, pipes, wrappers
	mu         sync.Mutex      // guards the write deadline, and closing
	upgraded   atomic.Bool     // the handshake is over
	closing    atomic.Bool     // Limit has set the last deadline, or the connection is cut
	peerClosed atomic.Bool     // the client has sent a close message or has disconnected
	once       sync.Once       // closes closeSent
	closeSent  chan struct{}   // closed when our close message is written or cannot be; nil before Limit
	flood      flood
}

func newSocket(netConn net.Conn, c *Conn) *Socket {
	return &Socket{Conn: netConn, conn: c, raw: rawConnOf(netConn)}
}

// rawConnOf returns the raw connection of a net.Conn that package net has made.
// A type that embeds one also has SyscallConn, but its own Write may change the
// bytes.
func rawConnOf(conn net.Conn) syscall.RawConn {
	var socket syscall.RawConn
	var err error
	switch conn := conn.(type) {
	case *net.TCPConn:
		socket, err = conn.SyscallConn()
	case *net.UnixConn:
		socket, err = conn.SyscallConn()
	}
	if err != nil {
		return nil
	}
	return socket
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

// Start calls c.Flush on a new goroutine.
func (s *Socket) Start(c *Conn) { c.owner.Settings().Spawn(c.Flush) }

// Offer writes what fits into the socket's buffer.
func (s *Socket) Offer(w *Nonblocking, frame []byte) int {
	if s.raw == nil {
		return 0
	}
	return w.write(s.raw, frame)
}

// WriteAll writes all bytes, within writeTimeout or the time that is left.
func (s *Socket) WriteAll(p []byte) error {
	s.boundWrite(time.Now().Add(writeTimeout))
	_, err := s.Conn.Write(p)
	s.boundWrite(time.Time{}) // a deadline in the past would make a later Offer fail
	return err
}

// boundWrite sets the deadline of the next write, unless Limit has set one for
// all.
func (s *Socket) boundWrite(deadline time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.closing.Load() {
		_ = s.Conn.SetWriteDeadline(deadline)
	}
}

// Limit sets one deadline for all further reads and writes.
func (s *Socket) Limit(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.closeSent = make(chan struct{})
	s.closing.Store(true)
	_ = s.SetDeadline(time.Now().Add(d))
}

// Finish leaves the connection open: the client still has to respond to the
// close message.
func (s *Socket) Finish() {
	s.once.Do(func() {
		if s.closeSent != nil {
			close(s.closeSent)
		}
	})
}

// Cut closes the network connection.
func (s *Socket) Cut() {
	s.closing.Store(true)
	_ = s.Conn.Close()
	s.Finish()
}

// closeAfterReading closes the network connection when melody has stopped
// reading, but not before the close message is written. If the client is still
// sending, what it has sent is read and discarded: if it stayed unread, the
// connection would be reset, and the client would lose the reason.
func (s *Socket) closeAfterReading() {
	if s.conn.end() && s.closeSent != nil {
		<-s.closeSent
		if half, ok := s.Conn.(interface{ CloseWrite() error }); ok && !s.peerClosed.Load() {
			_ = half.CloseWrite()
			_, _ = io.CopyN(io.Discard, s.Conn, 1<<20)
		}
	}
	s.conn.Cut()
}

// AppendBegin appends the header of a text frame.
func (s *Socket) AppendBegin(b []byte, length int, _ string, _ uint64) []byte {
	return appendFrameHeader(b, opText, length)
}

// AppendEnd appends nothing: the header contains the length.
func (s *Socket) AppendEnd(b []byte) []byte { return b }

// AppendPing appends a ping frame.
func (s *Socket) AppendPing(b []byte) []byte { return appendControlFrame(b, opPing, "") }

// AppendClose appends a close frame.
func (s *Socket) AppendClose(b []byte, code int, reason string) []byte {
	var status [2]byte
	binary.BigEndian.PutUint16(status[:], uint16(code)) //nolint:gosec // a close code
	return appendControlFrame(b, opClose, string(status[:])+reason)
}
