package engine

import "github.com/echo-pull/pull/internal/tally"

// The reasons for which requests are refused, as in Stats.Refused.
const (
	RefusedOrigin       = "origin"
	RefusedHost         = "host"
	RefusedLogin        = "login"
	RefusedSession      = "session"
	RefusedTicket       = "ticket"
	RefusedGrant        = "grant"
	RefusedDisconnect   = "disconnect"
	RefusedLimitUser    = "limit_user"
	RefusedLimitAddress = "limit_address"
	RefusedLimitNode    = "limit_node"
	RefusedAttempts     = "attempts"
	RefusedReplay       = "replay"
	RefusedLog          = "log"
	RefusedShutdown     = "shutdown"
	RefusedTransport    = "transport"
	RefusedMalformed    = "malformed"
	RefusedOther        = "other"
)

func newRefusals() tally.Counts {
	return tally.New(RefusedOrigin, RefusedHost, RefusedLogin, RefusedSession, RefusedTicket, RefusedGrant, RefusedDisconnect,
		RefusedLimitUser, RefusedLimitAddress, RefusedLimitNode, RefusedAttempts, RefusedReplay, RefusedLog, RefusedShutdown,
		RefusedTransport, RefusedMalformed, RefusedOther)
}

// CountRefusal counts a request that was refused for one of the reasons above.
func (e *Engine) CountRefusal(reason string) { e.refused.Add(reason, 1) }
