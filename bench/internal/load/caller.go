package load

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// A Caller sends one HTTP request after the other on one connection, in blocking
// system calls, so that its own scheduler adds nothing to what it measures. One
// goroutine at a time uses it.
type Caller struct {
	fd      int
	request []byte
	seen    []byte
}

// NewCaller connects for requests POST path.
func NewCaller(addr, path string) (*Caller, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &Caller{fd: fd, request: fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n\r\n", path, addr)}
	if err := errors.Join(options(fd, 0), connect(fd, to)); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Call sends a request and returns how long the response took, which must be 204.
func (c *Caller) Call() (time.Duration, error) {
	start := time.Now()
	if _, err := unix.Write(c.fd, c.request); err != nil {
		return 0, err
	}
	var chunk [1024]byte
	for c.seen = c.seen[:0]; !bytes.HasSuffix(c.seen, []byte("\r\n\r\n")); {
		n, err := unix.Read(c.fd, chunk[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return 0, fmt.Errorf("the server ended the connection: %w", errors.Join(err, errClosed))
		}
		c.seen = append(c.seen, chunk[:n]...)
	}
	took := time.Since(start)
	if !bytes.HasPrefix(c.seen, []byte("HTTP/1.1 204 ")) {
		return 0, fmt.Errorf("the server answered %q", c.seen)
	}
	return took, nil
}

// Close ends the connection.
func (c *Caller) Close() { _ = unix.Close(c.fd) }
