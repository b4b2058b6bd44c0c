//go:build !unix

package conn

import "syscall"

// A Nonblocking writes to sockets without waiting, which this system does not
// offer: everything goes by the session's queue.
type Nonblocking struct{}

func (*Nonblocking) write(syscall.RawConn, []byte) int { return 0 }
