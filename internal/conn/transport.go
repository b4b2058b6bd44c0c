package conn

import "time"

// A Transport is the network connection of a Conn: WebSocket or Server-Sent
// Events.
type Transport interface {
	// Start makes the transport call c.Flush, on another goroutine than the
	// caller's. c calls it when flushing becomes true, holding c.mu, and in
	// Welcome. It must not block.
	Start(c *Conn)

	// Offer writes as much of a frame as it can without blocking, and returns the
	// number of bytes. c calls it holding c.mu and while no Flush runs. An error
	// counts as 0 bytes: the next WriteAll returns it.
	Offer(w *Nonblocking, frame []byte) int

	// WriteAll writes all bytes or returns an error. It blocks for writeTimeout
	// at most, or for the time that Limit allows. Only Flush calls it, without
	// c.mu.
	WriteAll(p []byte) error

	// Limit bounds the time of all further writes together. c calls it once, when
	// it queues the close message, holding c.mu. It does not block.
	Limit(d time.Duration)

	// Finish is called by Flush when the close message is written. Nothing is
	// written after it.
	Finish()

	// Cut closes the network connection at once, whether or not a goroutine reads
	// or writes. It is called without c.mu and may be called several times.
	Cut()
}
