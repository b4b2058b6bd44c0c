package conn

// A Cause is why a connection was closed, unless its client has closed it.
type Cause uint8

// The causes. The zero value is that of a connection that is open, or was closed by its
// client.
const (
	NoCause     Cause = iota
	SlowQueue         // its queue was full, or nothing could be written for writeTimeout
	SlowWindow        // it has read the window more slowly than the window moves
	Violation         // of the protocol, by the client
	Flood             // the client has sent too much
	Dead              // the client does not answer pings, or the network is broken
	Disconnect        // its user was disconnected
	SessionOver       // its login is over
	Replay            // too much was replayed to its payer
	Ahead             // the log has not reached its position
	Shutdown          // of the plugin, or of the server
	causeCount        // their number
)

var causeNames = [causeCount]string{ //nolint:gochecknoglobals // a constant
	"", "slow_queue", "slow_window", "violation", "flood", "dead", "disconnect", "session", "replay", "log", "shutdown",
}

// String returns the name of the cause, or "" for NoCause.
func (c Cause) String() string { return causeNames[c] }

// causeOf returns the cause for which CloseNow is called with a close code and a reason.
func causeOf(code int, reason string) Cause {
	switch {
	case code == CloseViolation && reason == TooFast:
		return Flood
	case code == CloseViolation:
		return Violation
	case code == CloseNotAllowed:
		return Disconnect
	case code == CloseSessionOver:
		return SessionOver
	case code == CloseRestart && reason == Restart:
		return Shutdown
	case code == CloseRestart:
		return Ahead
	}
	return NoCause // the client has begun to close the connection
}

// Reasons with which a connection is closed, and which have a cause of their own.
const (
	TooFast = "too fast" // the client sends too much
	Restart = "restart"  // of the plugin, or of the server
)

// cut counts why the connection ends. The caller holds mu, has checked that ended is
// false, and sets it.
func (c *Conn) cut(cause Cause) {
	c.cause = cause
	if cause != NoCause {
		c.owner.Settings().cuts[cause].Add(1)
	}
}

// Cause returns why the connection was closed.
func (c *Conn) Cause() Cause {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.cause
}

// CutBy returns how many connections were closed for a cause.
func (s *Settings) CutBy(cause Cause) uint64 { return s.cuts[cause].Load() }

// Cuts returns how many connections were closed, by the name of the cause.
func (s *Settings) Cuts() map[string]uint64 {
	cuts := make(map[string]uint64, causeCount-1)
	for cause := NoCause + 1; cause < causeCount; cause++ {
		cuts[cause.String()] = s.CutBy(cause)
	}
	return cuts
}
