//go:build unix

package conn

import "syscall"

// A Nonblocking writes to sockets without blocking. It is owned by one goroutine
// and serves one connection at a time, so that the connections need no memory
// for it.
type Nonblocking struct {
	frame []byte
	n     int
	try   func(fd uintptr) bool
}

// write writes what fits into the socket's buffer and returns the number of
// bytes. It returns no error: the next blocking write does.
func (w *Nonblocking) write(socket syscall.RawConn, frame []byte) int {
	if w.try == nil {
		w.try = func(fd uintptr) bool {
			w.n, _ = syscall.Write(int(fd), w.frame)
			return true
		}
	}
	w.frame, w.n = frame, 0
	if err := socket.Write(w.try); err != nil {
		w.n = 0
	}
	w.frame = nil
	return max(0, w.n)
}
