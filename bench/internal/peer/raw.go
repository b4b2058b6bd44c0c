package peer

import (
	"context"
	"crypto/sha1" //nolint:gosec // the handshake of RFC 6455
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"

	"github.com/labstack/echo/v4"
	"golang.org/x/sys/unix"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// rawPeer is the limit: a frame that is encoded once, and one write(2) for each
// message and connection, on as many goroutines as there are processors. It has
// no queue, so one stopped reader blocks all others, and it never reads. No
// server can send messages one by one with less work.
type rawPeer struct {
	*requests
	index *index[*rawConn]
	tasks chan rawTask
	busy  sync.WaitGroup
}

type rawConn struct {
	net.Conn // keeps the descriptor open
	fd       int
}

// A rawTask is one goroutine's share of a message's receivers.
type rawTask struct {
	frame []byte
	to    []*rawConn
}

func newRaw() (*rawPeer, error) {
	p := &rawPeer{index: newIndex[*rawConn](), tasks: make(chan rawTask)}
	p.requests = newRequests(echo.New(), sendEach(p.User))
	for range runtime.GOMAXPROCS(0) {
		go p.write()
	}
	return p, nil
}

func (p *rawPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
	if err != nil {
		return
	}
	fd, err := descriptor(conn)
	if err != nil {
		return
	}
	user, tag := identity(r)
	p.index.add(user, tag, &rawConn{conn, fd})
}

func descriptor(conn net.Conn) (int, error) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return 0, errors.New("not a TCP connection")
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	var descriptor int
	err = raw.Control(func(fd uintptr) { descriptor = int(fd) })
	return descriptor, err
}

func (p *rawPeer) Broadcast(m wire.Message) error {
	frame := textFrame(m)
	p.index.mu.RLock()
	defer p.index.mu.RUnlock()

	shares, all := runtime.GOMAXPROCS(0), p.index.everyone
	p.busy.Add(shares)
	for i := range shares {
		p.tasks <- rawTask{frame, all[i*len(all)/shares : (i+1)*len(all)/shares]}
	}
	p.busy.Wait()
	return nil
}

func (p *rawPeer) User(user string, m wire.Message) error {
	frame := textFrame(m)
	p.index.each(ofUser[*rawConn](user), func(c *rawConn) { c.write(frame) })
	return nil
}

func (p *rawPeer) Tag(tag string, m wire.Message) error {
	frame := textFrame(m)
	p.index.each(ofTag[*rawConn](tag), func(c *rawConn) { c.write(frame) })
	return nil
}

func (p *rawPeer) Request(ctx context.Context, user string, messages []wire.Message) error {
	return p.do(ctx, user, messages)
}

func (p *rawPeer) Close() {}

// write does this goroutine's share of the writes.
func (p *rawPeer) write() {
	for t := range p.tasks {
		for _, c := range t.to {
			c.write(t.frame)
		}
		p.busy.Done()
	}
}

// write waits while the socket is full.
func (c *rawConn) write(frame []byte) {
	for len(frame) > 0 {
		n, err := unix.Write(c.fd, frame)
		if err == unix.EAGAIN {
			_, err = unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}, -1) //nolint:gosec // a file descriptor
			n = 0
		}
		if err != nil && err != unix.EINTR {
			return
		}
		frame = frame[max(n, 0):]
	}
}

// textFrame returns a complete message as a server sends it.
func textFrame(m wire.Message) []byte {
	text := m.Append(make([]byte, 4, wire.Overhead+len(m.Pad)+4))
	length := len(text) - 4
	if length < 126 {
		text[2], text[3] = 0x81, byte(length) //nolint:gosec // below 126
		return text[2:]
	}
	text[0], text[1], text[2], text[3] = 0x81, 126, byte(length>>8), byte(length) //nolint:gosec // below 64 KiB
	return text
}
