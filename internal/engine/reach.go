package engine

import (
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
)

// checkReach looks at the first message that a new node gets from a log that is
// not its own. If the log has dropped messages that are younger than WatchTTL,
// the node does not know who watches what: events could miss a page without a
// notification of a gap. So pages that return are notified of one until all such
// watches would have expired.
//
// A log reaches back far enough if it begins with its first message, or with one
// that is old enough, since running nodes publish something all the time. It also
// does if it begins with the start of a node, because then none was running before.
func (e *Engine) checkReach(d *broker.Delivery) {
	first, err := envelope.Parse(d.Raw)
	if err != nil || d.Offset == 1 || first.Kind == envelope.KindHello {
		return
	}
	now := time.Now()
	reach := max(0, now.Sub(time.Unix(0, first.At)))
	if reach >= e.config.WatchTTL-hub.NodeTimeout {
		return
	}
	lacking := e.config.WatchTTL - reach
	e.hub.ForgetWatches(now.Add(lacking))
	e.Misconfigured(fmt.Errorf("pull: the log begins %s ago, and watches live %s: this node does not know all of them, and pages that return to it are notified of a gap for %s",
		reach.Round(time.Second), e.config.WatchTTL, lacking.Round(time.Second)))
}
