//go:build !unix

package conn

import "syscall"

// A Nonblocking would write to sockets without blocking. This system does not
// support that, so every frame takes the way over the queue.
type Nonblocking struct{}

func (*Nonblocking) write(syscall.RawConn, []byte) int { return 0 }
