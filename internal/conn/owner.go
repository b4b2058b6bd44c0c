package conn

import "sync/atomic"

// An Owner is the page to which a connection belongs. The connection may hold
// its lock when it calls Settings. It calls the other methods without it, so
// that they may take the hub's lock.
type Owner interface {
	// Settings returns what all connections of a node have in common.
	Settings() *Settings

	// Connected is called when the handshake has succeeded. The owner calls
	// Hold and Welcome, or closes the connection.
	Connected()

	// Received is called for each text frame of the client, one at a time, unless
	// CloseNow was called before.
	Received(frame []byte)

	// ReadOn returns the next part of the log that the page has not received yet,
	// and whether there is more.
	ReadOn() (items []Item, more bool)

	// Charge charges the bytes of a replay, and reports whether the payer may
	// receive more.
	Charge(bytes int) (more bool)

	// Ended is called once, when a connection that was taken over has ended, or a
	// WebSocket was refused.
	Ended()
}

// Settings are what all connections of a node have in common.
type Settings struct {
	QueueBytes int          // largest size of a connection's queue
	Spawn      func(func()) // starts a goroutine

	cuts [causeCount]atomic.Uint64 // number of connections that were closed, by cause
}
