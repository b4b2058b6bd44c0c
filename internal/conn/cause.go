package conn

import "github.com/gorilla/websocket"

// A Cause is why a connection has ended, or is about to.
type Cause uint8

// The causes. The zero value is that of a connection that is open, or of which nothing is
// known but that it is gone. From SlowQueue on, it is not the page that has ended it.
const (
	Gone        Cause = iota
	ByPage            // the client has sent a close message
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

// ofCause is what belongs to each cause: its name, and the close code that the client
// gets, or 0 if it gets none.
var ofCause = [causeCount]struct { //nolint:gochecknoglobals // a constant
	name string
	code int
}{
	Gone:        {"gone", 0},
	ByPage:      {"closed", websocket.CloseNormalClosure},
	SlowQueue:   {"slow_queue", closeTooSlow},
	SlowWindow:  {"slow_window", closeTooSlow},
	Violation:   {"violation", closeViolation},
	Flood:       {"flood", closeViolation},
	Dead:        {"dead", 0},
	Disconnect:  {"disconnect", closeNotAllowed},
	SessionOver: {"session", closeSessionOver},
	Replay:      {"replay", closeRestart},
	Ahead:       {"log", closeRestart},
	Shutdown:    {"shutdown", closeRestart},
}

// String returns the name of the cause.
func (c Cause) String() string { return ofCause[c].name }

// Code returns the close code that the client gets, or 0 if it gets none.
func (c Cause) Code() int { return ofCause[c].code }

// endFor sets and counts why the connection ends. The caller holds mu, has checked that
// ended is false, and sets it.
func (c *Conn) endFor(cause Cause) {
	c.cause = cause
	c.owner.Settings().cuts[cause].Add(1)
}

// Cause returns why the connection has ended, or is about to.
func (c *Conn) Cause() Cause {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.cause
}

// CutBy returns how many connections have ended for a cause.
func (s *Settings) CutBy(cause Cause) uint64 { return s.cuts[cause].Load() }

// Cuts returns how many connections were not ended by their pages, by the name of the
// cause.
func (s *Settings) Cuts() map[string]uint64 {
	cuts := make(map[string]uint64, causeCount-SlowQueue)
	for cause := SlowQueue; cause < causeCount; cause++ {
		cuts[cause.String()] = s.CutBy(cause)
	}
	return cuts
}
