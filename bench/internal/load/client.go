// Package load is the client of the benchmark: one process, one thread and raw
// sockets under epoll, so that it takes little CPU from the server. It checks
// that each connection receives its messages once and in order.
package load

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// Options define what a client connects to.
type Options struct {
	Addr    string
	Control string
	Dialect string
	Users   int
	Tags    int // that the users hold in turn; 0 means wire.Tags
	Stalled int // the last ones of the users, which never read
}

// A Client holds the connections. One goroutine at a time uses it.
type Client struct {
	dialect dialect
	reports net.Conn // to the server's pacer
	epoll   int
	conns   []*conn // those that are read
	stalled []*conn
	buffer  []byte
	tally   tally
}

// Dial makes all connections.
func Dial(o Options) (*Client, error) {
	d, err := dialectOf(o.Dialect, cmp.Or(o.Tags, wire.Tags))
	if err != nil {
		return nil, err
	}
	reports, err := openReports(o.Control)
	if err != nil {
		return nil, err
	}
	conns, err := dialAll(o.Addr, d, o.Users, o.Stalled)
	if err != nil {
		return nil, err
	}
	c := &Client{dialect: d, reports: reports, buffer: make([]byte, 1<<18)}
	c.conns, c.stalled = conns[:o.Users-o.Stalled], conns[o.Users-o.Stalled:]
	c.tally.begin(wire.Job{Kind: wire.Broadcast}, c.conns)
	return c, c.watch()
}

// openReports opens the stream that package server reads.
func openReports(control string) (net.Conn, error) {
	conn, err := net.Dial("tcp", control) //nolint:noctx // on this machine
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, "GET /reports HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: reports\r\n\r\n"); err != nil {
		return nil, err
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 101 ") {
		return nil, fmt.Errorf("the server's control answered %q", answer[:n])
	}
	return conn, nil
}

// watch adds the connections to epoll, identified by their index in the slice.
func (c *Client) watch() error {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	c.epoll = epoll
	for i, conn := range c.conns {
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, conn.fd, &event); err != nil {
			return err
		}
	}
	return nil
}

// Begin starts to count the messages of a job.
func (c *Client) Begin(job wire.Job) {
	closed := c.tally.result.Closed
	c.tally.begin(job, c.conns)
	c.tally.result.Closed = closed
}

// Done reports whether all deliveries of that many messages have arrived.
func (c *Client) Done(messages int64) bool {
	return c.tally.result.Deliveries >= c.tally.expected(messages)
}

// Deliveries returns how many have arrived in the current job.
func (c *Client) Deliveries() int64 { return c.tally.result.Deliveries }

// End sums up a job of that many messages.
func (c *Client) End(messages int64) Result { return c.tally.end(messages) }

// Poll reads what arrives; if nothing does, it waits for up to the given time.
func (c *Client) Poll(wait time.Duration) error {
	var ready [256]unix.EpollEvent
	n, err := unix.EpollWait(c.epoll, ready[:], int(wait.Milliseconds()))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return err
	}
	for i := range max(n, 0) {
		c.read(c.conns[ready[i].Fd])
	}
	if below, ok := c.tally.news(); ok {
		report := binary.LittleEndian.AppendUint64(nil, uint64(below)) //nolint:gosec // not negative
		if _, err := c.reports.Write(report); err != nil {
			return err
		}
	}
	return nil
}

// read reads from one connection. A closed one is counted and then ignored.
func (c *Client) read(from *conn) {
	n, err := unix.Read(from.fd, c.buffer)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return
	}
	if err == nil && n > 0 {
		c.tally.result.Bytes += int64(n)
		now := time.Now().UnixNano()
		err = from.feed(c.buffer[:n], func(opcode byte, text []byte) { c.take(from, opcode, text, now) })
		if err == nil {
			return
		}
	}
	if !from.closed {
		from.closed = true
		c.tally.result.Closed++
		_ = unix.EpollCtl(c.epoll, unix.EPOLL_CTL_DEL, from.fd, nil)
	}
}

// take handles one complete text: it answers pings and counts messages.
func (c *Client) take(from *conn, opcode byte, text []byte, now int64) {
	switch {
	case opcode == opPing:
		_, _ = unix.Write(from.fd, maskedFrame(0xA, string(text)))
	case opcode > 2:
	case c.dialect.ping != "" && string(text) == c.dialect.ping:
		_, _ = unix.Write(from.fd, maskedFrame(opText, c.dialect.pong))
	default:
		wire.Each(text, func(seq, sent int64) { c.tally.count(from, seq, sent, now) })
	}
}

// Close closes all connections.
func (c *Client) Close() {
	for _, conn := range append(c.conns, c.stalled...) {
		_ = unix.Close(conn.fd)
	}
	_ = unix.Close(c.epoll)
	_ = c.reports.Close()
}
