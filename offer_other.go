//go:build !unix

package pull

import "syscall"

// An offering writes to sockets without waiting, which this system does not
// offer: everything goes by the session's queue.
type offering struct{}

func (*offering) write(syscall.RawConn, []byte) int { return 0 }
