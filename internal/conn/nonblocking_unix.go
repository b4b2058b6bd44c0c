//go:build unix

package conn

import "syscall"

// An Nonblocking writes to sockets without waiting. It serves one goroutine, which
// lends it to one session at a time: so a session needs no memory for it.
type Nonblocking struct {
	frame []byte
	n     int
	try   func(fd uintptr) bool
}

// write writes what fits into the socket's buffer and returns how much that was.
// Errors are left to the next write that may wait.
func (o *Nonblocking) write(socket syscall.RawConn, frame []byte) int {
	if o.try == nil {
		o.try = func(fd uintptr) bool {
			o.n, _ = syscall.Write(int(fd), o.frame)
			return true
		}
	}
	o.frame, o.n = frame, 0
	if err := socket.Write(o.try); err != nil {
		o.n = 0
	}
	o.frame = nil
	return max(0, o.n)
}
