package conn

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A link is a network connection that was taken over from the server. It is the
// part of a transport that a Socket and a Stream have in common.
type link struct {
	net.Conn
	raw     syscall.RawConn // for writes that do not block; nil if the connection has none: TLS, pipes, wrappers
	mu      sync.Mutex      // guards the write deadline, and closing
	closing atomic.Bool     // Limit has set the last deadline, or the connection is cut
}

func newLink(netConn net.Conn) link { return link{Conn: netConn, raw: rawConnOf(netConn)} }

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

// Start calls c.Flush on a new goroutine.
func (l *link) Start(c *Conn) { c.owner.Settings().Spawn(c.Flush) }

// Offer writes what fits into the socket's buffer.
func (l *link) Offer(w *Nonblocking, frame []byte) int {
	if l.raw == nil {
		return 0
	}
	return w.write(l.raw, frame)
}

// WriteAll writes all bytes, within writeTimeout or the time that is left.
func (l *link) WriteAll(p []byte) error {
	l.boundWrite(time.Now().Add(writeTimeout))
	_, err := l.Write(p)
	l.boundWrite(time.Time{}) // a deadline in the past would make a later Offer fail
	return err
}

// boundWrite sets the deadline of the next write, unless Limit has set one for
// all.
func (l *link) boundWrite(deadline time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if !l.closing.Load() {
		_ = l.SetWriteDeadline(deadline)
	}
}

// Limit sets one deadline for all further reads and writes.
func (l *link) Limit(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.closing.Store(true)
	_ = l.SetDeadline(time.Now().Add(d))
}

// Cut closes the network connection.
func (l *link) Cut() {
	l.closing.Store(true)
	_ = l.Close()
}

// closeWrite tells the client that nothing follows, and reports whether the
// connection can do so without closing both directions.
func (l *link) closeWrite() bool {
	half, ok := l.Conn.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// discard reads and discards what the client still sends. If it stayed unread,
// the connection would be reset, and the client would lose what was written last.
func (l *link) discard() { _, _ = io.CopyN(io.Discard, l.Conn, 1<<20) }
