package engine

import "github.com/echo-pull/pull/internal/tally"

// What becomes of notifications, as in Stats.Pushes.
const (
	pushSent      = "sent"
	pushGone      = "gone"
	pushRetried   = "retried"
	pushFailed    = "failed"
	pushRefused   = "refused"
	pushWithdrawn = "withdrawn"
)

func newOutcomes() tally.Counts {
	return tally.New(pushSent, pushGone, pushRetried, pushFailed, pushRefused, pushWithdrawn)
}

// outcomes returns what has become of notifications, of which so many were withdrawn. A
// pusher may have a method Gone, which returns the number of devices that it has removed.
func (n *notifier) outcomes(withdrawn uint64) map[string]uint64 {
	if n == nil {
		return newOutcomes().Map()
	}
	all := n.became.Map()
	all[pushWithdrawn] = withdrawn
	if p, counts := n.pusher.(interface{ Gone() uint64 }); counts {
		all[pushGone] = p.Gone()
	}
	return all
}
