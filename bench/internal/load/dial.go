package load

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// perSource is how many connections share a source address. Ports are per
	// address, so with several of them thousands of connections find one.
	perSource = 5000

	// dialers is how many connections are opened at a time.
	dialers = 8

	// patience is how long a server may take for each response of the handshake.
	patience = 30 // seconds

	// smallBuffer is the buffer size of users that will not read.
	smallBuffer = 4096
)

// A conn is one connection of a user.
type conn struct {
	fd     int
	group  int64 // of receivers, in the current job
	got    int64 // messages of the current job, lost ones included
	closed bool
	feed   decoder

	greeting int64 // bytes after the header of the response, until the handshake was complete
}

// dialAll opens n connections, for the users 0 to n-1. The last ones, as many as
// stalled, get small buffers: they will not read.
func dialAll(addr string, d dialect, n, stalled int) ([]*conn, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	conns, failed := make([]*conn, n), make([]error, dialers)
	var running sync.WaitGroup
	for worker := range dialers {
		running.Go(func() {
			for user := worker; user < n && failed[worker] == nil; user += dialers {
				c := &conn{feed: d.stream()}
				buffer := 0
				if user >= n-stalled {
					buffer = smallBuffer
				}
				conns[user], failed[worker] = c, c.dial(to, d, user, buffer)
			}
		})
	}
	running.Wait()
	return conns, errors.Join(failed...)
}

// dial connects and completes the handshake, in blocking calls, and leaves the
// socket non-blocking.
func (c *conn) dial(to netip.AddrPort, d dialect, user, buffer int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	c.fd = fd
	if err := options(fd, buffer); err != nil {
		return fmt.Errorf("socket options: %w", err)
	}
	source := [4]byte{127, 0, 0, byte(2 + user/perSource)} //nolint:gosec // a few
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: source}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if err := connect(fd, to); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := c.greet(to.String(), d, user); err != nil {
		return fmt.Errorf("greeting of user %d: %w", user, err)
	}
	return unix.SetNonblock(fd, true)
}

// options sets up a socket; a buffer of 0 leaves the size to the kernel.
func options(fd, buffer int) error {
	err := errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), // no TIME_WAIT
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: patience}),
	)
	if buffer > 0 {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer))
	}
	return err
}

// connect also waits for the connection if a signal of the runtime interrupts
// the call: the kernel continues to connect.
func connect(fd int, to netip.AddrPort) error {
	err := unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
	for errors.Is(err, unix.EINTR) || errors.Is(err, unix.EALREADY) {
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, patience*1000) //nolint:gosec // a file descriptor
	}
	return err
}

// greet runs the handshake until the server has sent all that the dialect expects.
func (c *conn) greet(host string, d dialect, user int) error {
	if _, err := unix.Write(c.fd, d.request(host, user)); err != nil {
		return err
	}
	text, err := c.answer(d.status)
	for _, s := range d.steps(user) {
		if err == nil && s.say != "" {
			_, err = unix.Write(c.fd, maskedFrame(opText, s.say))
		}
		if err == nil {
			text, err = c.wait(text, s.heard)
		}
	}
	if err != nil {
		return err
	}
	c.greeting = int64(len(text))
	return c.feed(text, func(byte, []byte) {})
}

// answer reads the header of the response and returns what follows it.
func (c *conn) answer(status string) (text []byte, err error) {
	seen, err := c.wait(nil, func(seen []byte) bool { return bytes.Contains(seen, []byte("\r\n\r\n")) })
	if err != nil {
		return nil, err
	}
	head, text, _ := bytes.Cut(seen, []byte("\r\n\r\n"))
	if fields := bytes.Fields(head); len(fields) < 2 || string(fields[1]) != status {
		return nil, fmt.Errorf("the server answered %q", head)
	}
	return text, nil
}

// wait reads until it has enough.
func (c *conn) wait(seen []byte, enough func([]byte) bool) ([]byte, error) {
	var chunk [4096]byte
	for !enough(seen) {
		n, err := unix.Read(c.fd, chunk[:])
		if errors.Is(err, unix.EINTR) {
			continue // the runtime's own signals; a timeout on the socket keeps the kernel from restarting
		}
		if err != nil {
			return seen, err
		}
		if n == 0 {
			return seen, fmt.Errorf("%w after %q", errClosed, seen)
		}
		seen = append(seen, chunk[:n]...)
	}
	return seen, nil
}
