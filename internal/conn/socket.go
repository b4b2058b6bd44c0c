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

// A Socket is a session's WebSocket connection: the net.Conn that melody reads
// from, and the link that the session writes to. Once the handshake is over,
// what melody or gorilla would write (replies to pings and closes, protocol
// errors) is swallowed, because it would end up inside the session's frames;
// the session says the same things itself. Likewise the connection is closed by
// its owner, after the goodbye.
type Socket struct {
	net.Conn
	conn     *Conn
	socket   syscall.RawConn // nil where writing cannot but wait, or is not net's own: TLS, pipes, wrappers
	mu       sync.Mutex      // held while write deadlines are set
	ours     atomic.Bool     // the handshake is over
	closing  atomic.Bool     // deadlines are set for good
	answered atomic.Bool     // the client has said goodbye
	once     sync.Once       // closes over
	over     chan struct{}   // closed when our goodbye has left or cannot; nil while there is none
	flood    flood
}

func newWire(netConn net.Conn, c *Conn) *Socket {
	return &Socket{Conn: netConn, conn: c, socket: socketOf(netConn)}
}

// socketOf returns the socket of a connection that package net has made. What
// embeds one may change the bytes in its own Write, and has SyscallConn as well.
func socketOf(conn net.Conn) syscall.RawConn {
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

func (w *Socket) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if !w.flood.read(n) {
		return 0, errFlood
	}
	return n, err
}

// Write is for the handshake alone.
func (w *Socket) Write(p []byte) (int, error) {
	if w.ours.Load() {
		return len(p), nil
	}
	return w.Conn.Write(p)
}

// Close does nothing: bury does.
func (w *Socket) Close() error { return nil }

// SetReadDeadline keeps a pong from prolonging a session that is being closed.
func (w *Socket) SetReadDeadline(t time.Time) error {
	if w.closing.Load() {
		return nil
	}
	return w.Conn.SetReadDeadline(t)
}

// SetWriteDeadline is for the handshake as well: later it is the session's affair.
func (w *Socket) SetWriteDeadline(t time.Time) error {
	if w.ours.Load() {
		return nil
	}
	return w.Conn.SetWriteDeadline(t)
}

func (w *Socket) Start(c *Conn) { c.owner.Settings().Spawn(c.Flush) }

func (w *Socket) Offer(o *Nonblocking, frame []byte) int {
	if w.socket == nil {
		return 0
	}
	return o.write(w.socket, frame)
}

func (w *Socket) WriteAll(p []byte) error {
	w.allow(time.Now().Add(writeTimeout))
	_, err := w.Conn.Write(p)
	w.allow(time.Time{}) // a deadline that is left behind would fail a later offer
	return err
}

// allow bounds the next write, unless the session is being closed: then what
// limit has set is for all of them.
func (w *Socket) allow(deadline time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()

	if !w.closing.Load() {
		_ = w.Conn.SetWriteDeadline(deadline)
	}
}

func (w *Socket) Limit(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.over = make(chan struct{})
	w.closing.Store(true)
	_ = w.SetDeadline(time.Now().Add(d))
}

// Finish leaves the client its time to answer the goodbye.
func (w *Socket) Finish() {
	w.once.Do(func() {
		if w.over != nil {
			close(w.over)
		}
	})
}

func (w *Socket) Cut() {
	w.closing.Store(true)
	_ = w.Conn.Close()
	w.Finish()
}

// closeAfterReading closes the connection when nobody reads any more, but not before the
// goodbye has left. A client that was told why, in the middle of sending, would
// lose the reason to a reset if what it has sent stayed unread.
func (w *Socket) closeAfterReading() {
	if w.conn.beginEnd() && w.over != nil {
		<-w.over
		if half, ok := w.Conn.(interface{ CloseWrite() error }); ok && !w.answered.Load() {
			_ = half.CloseWrite()
			_, _ = io.CopyN(io.Discard, w.Conn, 1<<20)
		}
	}
	w.conn.Cut()
}

func (w *Socket) AppendBegin(b []byte, length int, _ string, _ uint64) []byte {
	return appendFrameHeader(b, opText, length)
}
func (w *Socket) AppendEnd(b []byte) []byte  { return b }
func (w *Socket) AppendPing(b []byte) []byte { return appendControlFrame(b, opPing, "") }

func (w *Socket) AppendClose(b []byte, code int, reason string) []byte {
	var status [2]byte
	binary.BigEndian.PutUint16(status[:], uint16(code)) //nolint:gosec // a close code
	return appendControlFrame(b, opClose, string(status[:])+reason)
}
