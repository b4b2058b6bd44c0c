//go:build unix

package servertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
)

// FreePort returns a port of 127.0.0.1 for a server that may end and come back.
// The operating system does not give it to connections: it is below those ports.
// One of these could be taken while the server is down, also by a client that tries
// to reach the server and meets itself.
func FreePort() (int, error) {
	const lowest, highest, tries = 20_000, 32_000, 100
	var last error
	for range tries {
		port := lowest + rand.IntN(highest-lowest)
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, listener.Close()
		}
		last = err
	}
	return 0, last
}
