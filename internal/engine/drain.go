package engine

import (
	"context"
	"time"
)

const (
	drainStep = 10 * time.Millisecond // how often sessions are closed during a drain

	// drainReserve is how much of the time of a shutdown a drain leaves for what
	// follows, unless that is more than half of it.
	drainReserve = 10 * time.Second
)

// drainSessions closes the sessions one after another, evenly over Config.Drain,
// while the plugin works as before. It returns early if ctx ends or all sessions
// have ended; gone is closed then. The sessions that are still open are closed by
// the next step of the shutdown.
func (e *Engine) drainSessions(ctx context.Context, gone <-chan struct{}) {
	over := drainTime(ctx, e.config.Drain)
	if over <= 0 {
		return
	}
	pages, began := e.hub.Pages(), time.Now()
	step := time.NewTicker(drainStep)
	defer step.Stop()
	for closed := 0; closed < len(pages); {
		select {
		case <-step.C:
		case <-gone:
			return
		case <-ctx.Done():
			return
		}
		for due := drainedBy(time.Since(began), over, len(pages)); closed < due; closed++ {
			pages[closed].Close()
			pages[closed] = nil // it may end long before the drain does
		}
	}
}

// drainTime returns over how much time sessions are closed: the configured time,
// unless ctx ends too early for that.
func drainTime(ctx context.Context, configured time.Duration) time.Duration {
	end, ends := ctx.Deadline()
	if !ends {
		return configured
	}
	left := time.Until(end)
	return min(configured, left-min(left/2, drainReserve))
}

// drainedBy returns how many of the sessions are closed after a part of the time.
func drainedBy(passed, over time.Duration, sessions int) int {
	if passed >= over {
		return sessions
	}
	return int(float64(sessions) * float64(passed) / float64(over))
}
