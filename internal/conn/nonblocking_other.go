//go:build !unix

package conn

import "syscall"

// A Nonblocking does nothing: this system has no such writes, and every frame is
// queued.
type Nonblocking struct{}

func (*Nonblocking) write(syscall.RawConn, []byte) int { return 0 }
