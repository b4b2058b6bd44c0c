package conn

import "github.com/gorilla/websocket"

// An Ending is why a connection has ended, or is about to.
type Ending uint8

// The endings. The zero value is that of a connection of which nothing is known but
// that it is gone.
const (
	EndedGone       Ending = iota // the client or the network has closed it without a close message
	EndedByPage                   // the client has sent a close message
	EndedSlowQueue                // its queue was full, or nothing could be written for too long
	EndedSlowWindow               // the window has moved on faster than the page has read it
	EndedViolation                // the client has violated the protocol
	EndedFlood                    // the client has sent too much
	EndedDead                     // no pong has come, or nothing could be written
	EndedDisconnect               // Plugin.Disconnect
	EndedSession                  // the login is over
	EndedReplay                   // the payer has had too much replayed
	EndedShutdown                 // of the node, or of the server
)

// String returns the name of an ending. Those that are no page's own are the causes
// of Stats.CutBy.
func (e Ending) String() string {
	return [...]string{
		EndedGone: "gone", EndedByPage: "closed", EndedSlowQueue: "slow_queue", EndedSlowWindow: "slow_window",
		EndedViolation: "violation", EndedFlood: "flood", EndedDead: "dead", EndedDisconnect: "disconnect",
		EndedSession: "session", EndedReplay: "replay", EndedShutdown: "shutdown",
	}[e]
}

// Code returns the close code that the client gets, or 0 if it gets none.
func (e Ending) Code() int {
	return [...]int{
		EndedGone: 0, EndedByPage: websocket.CloseNormalClosure, EndedSlowQueue: closeTooSlow, EndedSlowWindow: closeTooSlow,
		EndedViolation: CloseViolation, EndedFlood: CloseViolation, EndedDead: 0, EndedDisconnect: CloseNotAllowed,
		EndedSession: CloseSessionOver, EndedReplay: CloseRestart, EndedShutdown: CloseRestart,
	}[e]
}

// endingOf returns the ending that a close message stands for.
func endingOf(code int, reason string) Ending {
	switch {
	case code == websocket.CloseNormalClosure:
		return EndedByPage
	case code == CloseViolation && reason == TooFast:
		return EndedFlood
	case code == CloseViolation:
		return EndedViolation
	case code == CloseNotAllowed:
		return EndedDisconnect
	case code == CloseSessionOver:
		return EndedSession
	case reason == replayedTooMuch:
		return EndedReplay
	}
	return EndedShutdown
}

// Ending returns why the connection has ended, or is about to. It is EndedGone for a
// connection that lives.
func (c *Conn) Ending() Ending {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.ending
}

// setSlow sets the ending of a connection whose client has read nothing for too long.
func (c *Conn) setSlow() {
	c.mu.Lock()
	if !c.ended {
		c.ending = EndedSlowQueue
	}
	c.mu.Unlock()
}

// A Progress is how far a connection is.
type Progress struct {
	Epoch  string
	Offset uint64 // of the position that was last sent or queued
	Queued int    // bytes that are queued, or are being written
	Idle   bool   // everything up to the position is written
	Ended  bool   // nothing more is accepted
	Ending Ending
}

// Progress returns how far the connection is.
func (c *Conn) Progress() Progress {
	c.mu.Lock()
	defer c.mu.Unlock()

	return Progress{Epoch: c.epoch, Offset: c.offset, Queued: c.queuedBytes, Idle: !c.flushing, Ended: c.ended, Ending: c.ending}
}
