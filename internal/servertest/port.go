//go:build unix

package servertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
)

// nextPort numbers the ports that this process has tried. It begins anywhere,
// because other processes look for ports at the same time.
var nextPort = func() *atomic.Uint32 {
	n := new(atomic.Uint32)
	n.Store(rand.Uint32N(1 << 31))
	return n
}()

// FreePort returns a port of 127.0.0.1 for a server that may end and come back.
// The operating system does not give it to connections: it is below those ports.
// One of these could be taken while the server is down, also by a client that tries
// to reach the server and meets itself. A process gets no port twice.
func FreePort() (int, error) {
	const lowest, count, tries = 20_000, 12_000, 100
	var last error
	for range tries {
		port := lowest + int(nextPort.Add(1)%count)
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, listener.Close()
		}
		last = err
	}
	return 0, last
}
